// Package decompress reads what is compressed by gzip, bzip2 or zstd, told by its
// first bytes. xz and lz4 are recognised and refused.
package decompress

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// zstdMemory bounds what a zstd file may ask for, which its maker chose.
const zstdMemory = 64 << 20

// Reader gives the text behind r, which may be compressed or not.
func Reader(r io.Reader) (io.Reader, error) {
	text, _, err := open(r)
	return text, err
}

// open also tells whether r is compressed.
func open(r io.Reader) (text io.Reader, compressed bool, err error) {
	b := bufio.NewReader(r)
	begin, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	begins := func(magic string) bool { return bytes.HasPrefix(begin, []byte(magic)) }
	switch {
	case begins("\x1f\x8b"):
		text, err = gzip.NewReader(b)
	case begins("BZh"):
		text = bzip2.NewReader(b)
	case begins("\x28\xb5\x2f\xfd"):
		// One goroutine and low memory: many small files come one after the other.
		var d *zstd.Decoder
		d, err = zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(zstdMemory))
		if err == nil {
			text = d.IOReadCloser()
		}
	case begins("\xfd7zXZ\x00"):
		err = errors.New("compressed by xz, which cannot be read here")
	case begins("\x04\x22\x4d\x18"):
		err = errors.New("compressed by lz4, which cannot be read here")
	default:
		return b, false, nil
	}
	return text, true, err
}

// Text is the text of a file, for reading at any place.
type Text struct {
	io.ReaderAt
	Size int64
	// Broken is what ended the text of a damaged file early; nil when it is whole.
	Broken error

	spool *os.File // of a compressed file
}

// Open gives the text of a file, as long as it is now. That of a compressed file is
// written into an unnamed file in the system's folder for temporary files first. The
// file must stay open meanwhile.
func Open(file *os.File) (*Text, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	r, compressed, err := open(io.NewSectionReader(file, 0, info.Size()))
	if err != nil {
		return nil, err
	}
	if !compressed {
		return &Text{ReaderAt: file, Size: info.Size()}, nil
	}
	spool, err := os.CreateTemp("", "dovetail-text-")
	if err != nil {
		return nil, fmt.Errorf("making a file for the uncompressed text: %w", err)
	}
	if err := os.Remove(spool.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("making a file for the uncompressed text: %w", err), spool.Close())
	}
	w := &writer{w: spool}
	n, err := io.Copy(w, r)
	if w.err != nil {
		return nil, errors.Join(fmt.Errorf("writing the uncompressed text to %s: %w", spool.Name(), w.err), spool.Close())
	}
	return &Text{ReaderAt: spool, Size: n, Broken: err, spool: spool}, nil
}

// Close frees the unnamed file.
func (t *Text) Close() error {
	if t.spool == nil {
		return nil
	}
	return t.spool.Close()
}

// writer remembers that writing failed, which is not the file's fault.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) Write(p []byte) (n int, err error) {
	n, w.err = w.w.Write(p)
	return n, w.err
}
