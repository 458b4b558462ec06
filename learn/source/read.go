package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"dovetail/internal/message"
)

// zstdMemory bounds what a zstd file may ask for, which its maker chose.
const zstdMemory = 64 << 20

// uncompressed gives the text behind r, whatever it is compressed by.
func uncompressed(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	begin, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(begin, []byte(magic)) }
	switch {
	case begins("\x1f\x8b"):
		return gzip.NewReader(b)
	case begins("BZh"):
		return bzip2.NewReader(b), nil
	case begins("\x28\xb5\x2f\xfd"):
		// One goroutine and low memory: many small files come one after the other.
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(zstdMemory))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case begins("\xfd7zXZ\x00"):
		return nil, errors.New("compressed by xz, which cannot be read here")
	case begins("\x04\x22\x4d\x18"):
		return nil, errors.New("compressed by lz4, which cannot be read here")
	}
	return b, nil
}

// readMessage reads a message of at most limit bytes.
func readMessage(r io.Reader, limit int64) (*message.Message, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooBig, limit)
	}
	return message.Parse(text), nil
}
