package mbox

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"dovetail/internal/mailstore"
	"dovetail/internal/message"
)

// Zone ends a From_ line that Write has written.
const Zone = " +0000"

// Write writes a message as mboxrd: the From_ line, with the date in UTC and its zone, the
// message, and the empty line that ends it. Where it goes an empty line must stand
// before it, or nothing. The flags become Status, X-Status and X-Keywords, in place of
// what the message has of the fields that Unpack takes away. A line that begins
// with "From " where a header field should stand keeps the ">" that it gets.
func Write(w io.Writer, m *message.Message, sender string, received time.Time, flags []string) error {
	out := bufio.NewWriter(w)
	sender = strings.Join(strings.Fields(sender), "")
	_, err := out.WriteString(Begin + cmp.Or(sender, "MAILER-DAEMON") + " " + received.UTC().Format(time.ANSIC) + Zone + "\n")
	if err == nil {
		err = quote(out, pack(m, flags).Open())
	}
	return errors.Join(err, out.Flush())
}

// pack is the contrary of Unpack.
func pack(m *message.Message, flags []string) *message.Message {
	fields := slices.DeleteFunc(slices.Clone(m.Fields()), func(f message.Field) bool { return hidden[strings.ToLower(f.Name)] })
	status, more, keywords := "", "", []string{}
	for _, flag := range flags {
		switch letter := letterOf("x-status", flag); {
		case letterOf("status", flag) != "":
			status += letterOf("status", flag)
		case letter != "":
			more += letter
		case !strings.HasPrefix(flag, `\`):
			keywords = append(keywords, flag)
		}
	}
	fields = append(fields, message.RawField("Status", status+"O"))
	if more != "" {
		fields = append(fields, message.RawField("X-Status", more))
	}
	if len(keywords) > 0 {
		fields = append(fields, message.RawField("X-Keywords", strings.Join(keywords, " ")))
	}
	return m.WithFields(fields)
}

// letterOf gives the letter of a flag in a field; "" when it has none there.
func letterOf(field, flag string) string {
	for letter, name := range letters[field] {
		if mailstore.HasFlag([]string{name}, flag) {
			return string(letter)
		}
	}
	return ""
}

// quote copies a message and puts ">" before lines that begin with any run of ">" and "From ".
// It ends with an empty line.
func quote(out *bufio.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, 32<<10)
	begin := true // of a line
	for {
		line, err := in.ReadSlice('\n')
		if begin && bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte(Begin)) {
			if err := out.WriteByte('>'); err != nil {
				return err
			}
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		if len(line) > 0 {
			begin = line[len(line)-1] == '\n'
		}
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
			continue
		case !errors.Is(err, io.EOF):
			return err
		}
		end := "\n"
		if !begin {
			end = "\n\n"
		}
		_, err = out.WriteString(end)
		return err
	}
}
