package remote_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"dovetail/expire/remote"
)

// liar starts a server that answers a search with anything.
func liar(t *testing.T, found string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1 ESEARCH UIDPLUS] hi\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			tag, command, _ := strings.Cut(lines.Text(), " ")
			switch word, _, _ := strings.Cut(command, " "); word {
			case "CAPABILITY":
				fmt.Fprint(c, "* CAPABILITY IMAP4rev1 ESEARCH UIDPLUS\r\n")
			case "EXAMINE":
				fmt.Fprint(c, "* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n")
			case "UID":
				fmt.Fprintf(c, "* ESEARCH (TAG \"%s\") UID ALL %s\r\n", tag, found)
			}
			fmt.Fprintf(c, "%s OK done\r\n", tag)
		}
	}()
	return l.Addr().String()
}

// A short answer that stands for all numbers there are takes no memory.
func TestEndlessAnswer(t *testing.T) {
	for found, wants := range map[string]string{
		"1:4294967295": "the server has found 4294967295 messages",
		"4294967295:1": "the server has found 4294967295 messages",
		"7":            "",
	} {
		n := 0
		err := account(t, liar(t, found), "").Search(t.Context(), "INBOX", parse(t, "ALL"), false, func(remote.Message) error { n++; return nil })
		if err == nil && (n != 1 || wants != "") || err != nil && (wants == "" || !strings.Contains(err.Error(), wants)) {
			t.Errorf("%s: %d messages, %v", found, n, err)
		}
	}
}
