package main

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"dovetail/internal/message"
)

// readMessage reads a message with LF or CRLF line ends into spool. An mbox "From "
// line in front is taken off, and the sender that it names given.
func readMessage(r io.Reader, spool *message.Spool) (m *message.Message, from string, err error) {
	in := bufio.NewReader(r)
	if start, _ := in.Peek(5); string(start) == "From " {
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, "", err
		}
		from = mboxSender(line)
	}
	lf := message.NewLFWriter(spool)
	if _, err := in.WriteTo(lf); err != nil {
		return nil, "", err
	}
	if err := lf.Flush(); err != nil {
		return nil, "", err
	}
	m, err = spool.Message()
	return m, from, err
}

// mboxSender gives the address of a line "From ADDRESS DATE"; MAILER-DAEMON stands
// for the null sender.
func mboxSender(line string) string {
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[1] == "MAILER-DAEMON" {
		return ""
	}
	return fields[1]
}
