package maildir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gomaildir "github.com/emersion/go-maildir"
)

// infoSep begins the flags of a file name.
const infoSep = ":2,"

// lastName is the microsecond of the last file name of this process. Names hold
// the process id, so what makes them differ must be known in the whole process:
// this is the one variable of the package.
var lastName atomic.Int64

// uniqueName makes the first part of a file name. No other call in this process
// gives the same.
func uniqueName(now time.Time, pid int, host string) string {
	micros := now.UnixMicro()
	for {
		last := lastName.Load()
		micros = max(micros, last+1)
		if lastName.CompareAndSwap(last, micros) {
			break
		}
	}
	return fmt.Sprintf("%d.M%dP%d.%s", micros/1e6, micros%1e6, pid, hostEscaper.Replace(host))
}

// hostEscaper keeps what would end the name or its first part out of it.
var hostEscaper = strings.NewReplacer("/", `\057`, ":", `\072`)

// fileName is a parsed name of a message's file.
type fileName struct {
	base    string // up to the flags
	letters string // of the flags, unknown ones too
}

func parseFileName(name string) fileName {
	base, info, _ := strings.Cut(name, ":")
	f := fileName{base: base}
	if letters, ok := strings.CutPrefix(info, "2,"); ok {
		f.letters, _, _ = strings.Cut(letters, ",")
	}
	return f
}

// size gives the bytes of the file (S=), -1 where the name does not tell.
func (f fileName) size() int64 { return f.number("S=") }

// vsize gives the bytes with line ends of two bytes (W=), -1 where the name does not tell.
func (f fileName) vsize() int64 { return f.number("W=") }

func (f fileName) number(key string) int64 {
	_, fields, _ := strings.Cut(f.base, ",")
	for field := range strings.SplitSeq(fields, ",") {
		if value, ok := strings.CutPrefix(field, key); ok {
			if n, err := strconv.ParseUint(value, 10, 63); err == nil {
				return int64(n)
			}
		}
	}
	return -1
}

// systemFlags are the flags that have letters of their own (Maildir's "info").
var systemFlags = map[string]gomaildir.Flag{
	`\draft`:    gomaildir.FlagDraft,
	`\flagged`:  gomaildir.FlagFlagged,
	`\answered`: gomaildir.FlagReplied,
	`\seen`:     gomaildir.FlagSeen,
	`\deleted`:  gomaildir.FlagTrashed,
}

// flagNames are the names for letters.
var flagNames = map[gomaildir.Flag]string{
	gomaildir.FlagDraft:   `\Draft`,
	gomaildir.FlagFlagged: `\Flagged`,
	gomaildir.FlagReplied: `\Answered`,
	gomaildir.FlagSeen:    `\Seen`,
	gomaildir.FlagTrashed: `\Deleted`,
}

// flags gives the IMAP flags of letters. Those that mean nothing are left out; a
// letter whose keyword is lost has the name that Dovecot would give it.
func flags(letters string, table keywordTable) []string {
	var names []string
	for _, letter := range letters {
		if name := flagOf(letter, &table); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// lostKeyword begins the name of a keyword that dovecot-keywords does not have.
const lostKeyword = "unknown-"

// flagOf gives the IMAP flag of a letter; "" when it means nothing.
func flagOf(letter rune, table *keywordTable) string {
	if letter < 'a' || letter > 'z' {
		return flagNames[gomaildir.Flag(letter)]
	}
	if name := table[letter-'a']; name != "" {
		return name
	}
	return fmt.Sprintf("%s%d", lostKeyword, letter-'a')
}

// infoOf gives the end of a file name for letters; nothing without any.
func infoOf(letters []byte) string {
	if len(letters) == 0 {
		return ""
	}
	slices.Sort(letters)
	return infoSep + string(slices.Compact(letters))
}
