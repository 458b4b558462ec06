package main

import "fmt"

// users is the number of mailboxes in every case.
const users = 100

// scripts says which Sieve scripts run.
type scripts int

const (
	noSieve   scripts = iota
	ham               // the site's and the user's, which let the message pass
	spam              // the same: marked, and filed into Spam
	spamLearn         // the same, with the site's pipe to a program that does nothing
	oneRule           // of the users alone, each another one
	manyRules         // the same, longer
)

var scriptNames = map[scripts]string{
	noSieve: "no Sieve", ham: "scripts, ham", spam: "scripts, spam", spamLearn: "scripts, spam, pipe",
	oneRule: "1 rule", manyRules: "1000 rules",
}

// benchCase is what is sent, and how.
type benchCase struct {
	scripts  scripts
	size     int
	conns    int
	rcpts    int
	messages int
}

func (c benchCase) name() string {
	size := fmt.Sprintf("%d KiB", c.size>>10)
	if c.size >= 1<<20 {
		size = fmt.Sprintf("%d MiB", c.size>>20)
	}
	name := fmt.Sprintf("%s, %s", size, scriptNames[c.scripts])
	if c.rcpts > 1 {
		name += fmt.Sprintf(", %d recipients", c.rcpts)
	}
	return fmt.Sprintf("%s, %d conns", name, c.conns)
}

// header returns the fields that decide what the scripts do.
func (c benchCase) header() string {
	if c.scripts == spam || c.scripts == spamLearn {
		return "X-Spam-Flag: YES\r\n"
	}
	return ""
}

// cases returns all of them. The numbers of messages are for some seconds each.
func cases(short bool) []benchCase {
	const small, big = 4 << 10, 1 << 20
	all := []benchCase{
		{noSieve, small, 1, 1, 2000},
		{noSieve, small, 8, 1, 6000},
		{noSieve, small, 64, 1, 12000},
		{ham, small, 1, 1, 1500},
		{ham, small, 8, 1, 4000},
		{ham, small, 64, 1, 8000},
		{spam, small, 1, 1, 1500},
		{spam, small, 8, 1, 4000},
		{spam, small, 64, 1, 8000},
		{spamLearn, small, 8, 1, 2000},
		{noSieve, big, 1, 1, 200},
		{noSieve, big, 8, 1, 400},
		{noSieve, small, 1, 100, 40},
		{noSieve, small, 4, 100, 80},
	}
	if short {
		for i := range all {
			all[i].messages = max(all[i].messages/10, 2*all[i].conns)
		}
	}
	return all
}
