package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"dovetail/internal/fsx"
)

// The index of an mbox file has a first line, and then lines of two kinds:
//
//	<begin> <length> <digest of those bytes> <digest of the message and its name>
//	= <size>
//
// The first is written, and synced, before the message is; the other when all before it
// are in the file, which has that size then.
const (
	indexHead = "dovetail: messages of an mbox archive, version 1\n"
	doneMark  = "= "
)

// record is a message in an mbox file.
type record struct {
	begin, length int64
	sum           digest // of what is there, from the From_ line to the empty line
	id            digest // of the message as it was stored, and of its name
	next          int64  // where the index goes on behind it
}

func (r record) end() int64 { return r.begin + r.length }

func (r record) String() string {
	return fmt.Sprintf("%d %d %x %x\n", r.begin, r.length, r.sum, r.id)
}

func parseRecord(line string) (r record, ok bool) {
	var sum, id []byte
	n, err := fmt.Sscanf(line, "%d %d %x %x\n", &r.begin, &r.length, &sum, &id)
	return r, n == 4 && err == nil && r.begin >= 0 && r.length > 0 && copy(r.sum[:], sum) == len(r.sum) && copy(r.id[:], id) == len(r.id)
}

// index is an open index.
type index struct {
	file fsx.File
	made bool
	info fs.FileInfo // as it was left
	size int64       // up to which it is read, or written
	sure int64       // up to which the file has what it says
	// records are where they are in the index, by id.
	records map[digest]int64
	pending []record // that are not sure to be in the file
}

// openIndex opens the index, and reads it unless before has it already.
func openIndex(fsys fsx.FS, name string, before *index) (*index, error) {
	file, info, err := fsx.OpenRegular(fsys, name, os.O_RDWR|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	x := &index{file: file, records: map[digest]int64{}}
	if err := x.load(info, before); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the index %s: %w", name, err), x.file.Close())
	}
	return x, nil
}

func (x *index) load(info fs.FileInfo, before *index) error {
	if before != nil && os.SameFile(before.info, info) && before.info.ModTime().Equal(info.ModTime()) && before.info.Size() == info.Size() {
		x.size, x.sure, x.records = before.size, before.sure, before.records
		return nil
	}
	x.made = info.Size() == 0
	if !x.made {
		if err := x.read(info.Size()); err != nil {
			return err
		}
	}
	// What cannot be read, as half a line, is taken away. Without it a message may be
	// archived twice, and none is lost.
	if x.size < info.Size() {
		if err := x.file.Truncate(x.size); err != nil {
			return err
		}
	}
	if x.size == 0 {
		return x.write(indexHead, true)
	}
	return nil
}

func (x *index) read(size int64) error {
	in := bufio.NewReader(io.NewSectionReader(x.file, 0, size))
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) { // no line of ours is that long
			return nil
		}
		if err != nil {
			return err
		}
		line := string(text)
		r, ok := parseRecord(line)
		switch {
		case x.size == 0 && line != indexHead:
			return nil
		case x.size == 0:
			x.sure = int64(len(line))
		case strings.HasPrefix(line, doneMark):
			x.sure, x.pending = x.size+int64(len(line)), nil
		case ok:
			x.records[r.id] = x.size
			r.next = x.size + int64(len(line))
			x.pending = append(x.pending, r)
		default:
			return nil
		}
		x.size += int64(len(line))
	}
}

// write appends to the index. Sure tells that the file has what it says.
func (x *index) write(text string, sure bool) error {
	if _, err := x.file.Write([]byte(text)); err != nil {
		return err
	}
	x.size += int64(len(text))
	if sure {
		x.sure, x.pending = x.size, nil
	}
	return nil
}

// cut takes away what is not sure but the first so many, and writes that these are. They
// stay in their place: a process that dies here must not forget what is in the file.
func (x *index) cut(kept int, size int64) error {
	end := x.sure
	if kept > 0 {
		end = x.pending[kept-1].next
	}
	if err := errors.Join(x.file.Truncate(end), x.file.Sync()); err != nil {
		return err
	}
	for _, r := range x.pending[kept:] {
		delete(x.records, r.id)
	}
	x.size = end
	return x.write(fmt.Sprintf("%s%d\n", doneMark, size), true)
}

// add writes records, syncs them, calls do, and writes that they are sure.
func (x *index) add(records []record, do func() error, size func() int64) error {
	var text strings.Builder
	at := x.size
	for _, r := range records {
		x.records[r.id] = at + int64(text.Len())
		text.WriteString(r.String())
		r.next = at + int64(text.Len())
		x.pending = append(x.pending, r)
	}
	if err := x.write(text.String(), false); err != nil {
		return err
	}
	if err := x.file.Sync(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return x.write(fmt.Sprintf("%s%d\n", doneMark, size()), true)
}

// find gives the record of an id.
func (x *index) find(id digest) (record, bool, error) {
	at, ok := x.records[id]
	if !ok {
		return record{}, false, nil
	}
	line, err := bufio.NewReader(io.NewSectionReader(x.file, at, 200)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return record{}, false, err
	}
	r, ok := parseRecord(line)
	return r, ok && r.id == id, nil
}
