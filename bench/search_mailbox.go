package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"dovetail/internal/peer"
)

// The messages of the case "search".
const (
	searchSize    = 2 << 10 // bytes, one half more or less
	searchDays    = 60      // over which they came in
	searchRare    = 100     // one in so many has what SUBJECT and BODY look for
	searchEncoded = 10      // one in so many has a subject with encoded words
	searchWriters = 4       // at once
)

// What is looked for.
const (
	searchSubject = "quarterly"
	searchBody    = "attached invoice"
)

// searchFlags are the letters of messages in turn. With those and the ages, half of
// the messages are read, not flagged, and older than a week.
var searchFlags = []string{"S", "S", "", "RS", "S", "FS", "", "S", "", "", "S", "RS", "", "S", "F", "S", "S", "", "S", ""}

// makeMailbox makes a Maildir of n messages that came in before a time.
func makeMailbox(ctx context.Context, maildir string, owner peer.User, n int, now time.Time) error {
	for _, part := range []string{"", "tmp", "new", "cur"} {
		dir := filepath.Join(maildir, part)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := os.Chown(dir, owner.UID, owner.GID); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	for w := range searchWriters {
		g.Go(func() error {
			for i := w; i < n && ctx.Err() == nil; i += searchWriters {
				if err := makeStored(filepath.Join(maildir, "cur"), owner, i, now); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// makeStored makes the i-th message. Its date is one of searchDays days.
func makeStored(dir string, owner peer.User, i int, now time.Time) error {
	subject, last := fmt.Sprintf("message %d about the meeting", i), ""
	switch {
	case i%searchRare == 1:
		subject = fmt.Sprintf("the %s figures, %d", searchSubject, i)
	case i%searchRare == 2:
		last = "see the " + searchBody + "\n"
	case i%searchEncoded == 3:
		subject = fmt.Sprintf("=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?q?_aus_K=F6ln?= %d", i)
	}
	text := storedMessage(i, searchSize+i*97%searchSize-searchSize/2, subject, last)
	name := fmt.Sprintf("%d.M%dP1.bench,S=%d,W=%d:2,%s", 1_700_000_000+i, i%1_000_000, len(text),
		len(text)+bytes.Count(text, []byte{'\n'}), searchFlags[i%len(searchFlags)])
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // an error of writing is one of Write here
	if err := file.Chown(owner.UID, owner.GID); err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	// Ages are not in the order of the names, and not in step with the flags.
	received := now.Add(-time.Duration(i*7919%(searchDays*24*60)) * time.Minute)
	return os.Chtimes(file.Name(), received, received)
}
