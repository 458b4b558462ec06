package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// expunge measures the expunge of half of a mailbox, a new one for each program and
// run, and tells how long ours took. What find removes, and how it chooses, is the same.
func (s *searchSetup) expunge(ctx context.Context, table io.Writer) (float64, error) {
	programs := []struct {
		name    string
		command func(user string) []string
		all     []used
	}{
		{name: "find -delete", command: func(user string) []string {
			return []string{"/usr/bin/find", filepath.Join(s.maildir(user), "cur"), "-type", "f", "-name", "*:2,*S*",
				"!", "-name", "*:2,*F*", "!", "-newermt", fmt.Sprintf("@%d", s.weekAgo()-1), "-delete"}
		}},
		{name: "doveadm", command: func(user string) []string { return s.doveadm(user, "expunge", s.oldRead()...) }},
		{name: "dovetail", command: func(user string) []string { return s.dovetail(user, "expunge", s.oldRead()...) }},
	}
	next := 2
	for range s.runs {
		left := -1
		for i := range programs {
			user := fmt.Sprintf("user%d", next)
			next++
			u, n, err := s.expungeOnce(ctx, user, programs[i].command(user))
			if err != nil {
				return 0, err
			}
			if left >= 0 && n != left {
				s.t.Errorf("%s has left %d messages of %d, %s has left %d", programs[0].name, left, s.n, programs[i].name, n)
			}
			left = n
			programs[i].all = append(programs[i].all, u)
		}
	}
	find := middleOf(programs[0].all)
	searchRow(table, "expunge of half", programs[1].all, programs[2].all, "")
	for _, p := range programs[1:] {
		wanted := ""
		if p.name == "dovetail" {
			wanted = "<= 1.1"
		}
		fmt.Fprintf(table, "find -delete, %s/find\t%.2f\t%.0f\t\t\t%.2f\t%s\t\n", p.name, find.seconds, find.memory, middleOf(p.all).seconds/find.seconds, wanted)
	}
	return middleOf(programs[2].all).seconds, nil
}

// expungeOnce has a program expunge a user's mail, and counts what it leaves.
func (s *searchSetup) expungeOnce(ctx context.Context, user string, command []string) (used, int, error) {
	if err := s.mailbox(ctx, user); err != nil {
		return used{}, 0, err
	}
	defer os.RemoveAll(s.maildir(user)) // what stays goes with the test's folder
	u, err := s.run(ctx, command)
	if err != nil {
		return used{}, 0, err
	}
	left, err := os.ReadDir(filepath.Join(s.maildir(user), "cur"))
	return u, len(left), err
}

// digest gives a checksum of what a file holds.
func digest(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close() // nothing was written
	h := sha256.New()
	_, err = io.Copy(h, file)
	return h.Sum(nil), err
}
