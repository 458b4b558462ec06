package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dovetail/internal/cli"
	"dovetail/internal/explain"
	"dovetail/internal/filter"
)

// maxPlans bounds the kinds of plans that are counted apart.
const maxPlans = 100

// filterOutput prints what becomes of each message, and the totals.
type filterOutput struct {
	w        io.Writer
	bar      *progress
	options  *filterOptions
	plans    map[string]int // by their text
	messages int
	failed   int
	titled   bool
}

// filtered is the object that --format json prints for a message. Its keys are an interface.
type filtered struct {
	UID     uint32 `json:"uid"`
	File    string `json:"file"`
	Subject string `json:"subject"`
	Plan    string `json:"plan"`
	Actions []any  `json:"actions"` // as `sieve test` prints them
	Done    bool   `json:"done"`
	Error   string `json:"error"`
}

// filterSummary is the last object of --format json.
type filterSummary struct {
	Messages int            `json:"messages"`
	Failed   int            `json:"failed"`
	Executed bool           `json:"executed"`
	Plans    map[string]int `json:"plans"`
}

// message takes in one message.
func (o *filterOutput) message(m *filter.Message) error {
	o.messages++
	text := m.Plan.Text()
	if m.Err != nil {
		o.failed++
		text = "failed"
	}
	if o.plans[text] == 0 && len(o.plans) >= maxPlans {
		text = "other"
	}
	o.plans[text]++
	o.bar.add(1)
	if m.Err == nil && len(m.Warnings) == 0 && m.Plan.IsNothing() && !o.options.verbose {
		return nil
	}
	if o.options.format == "json" {
		return o.encode(o.object(m))
	}
	return o.row(m)
}

// row prints a message as a row of the table.
func (o *filterOutput) row(m *filter.Message) error {
	if isTerminal(o.w) {
		o.bar.clear()
	}
	const format = "%10s  %-40.40s  %s\n"
	if !o.titled {
		o.titled = true
		if _, err := fmt.Fprintf(o.w, format, "Message", "Subject", "Action"); err != nil {
			return err
		}
	}
	id := strconv.FormatUint(uint64(m.Entry.UID), 10)
	if m.Entry.UID == 0 {
		id = filepath.Base(m.Entry.Path)
		if i := strings.IndexAny(id, ",:"); i > 0 {
			id = id[:i]
		}
	}
	text := m.Plan.Text()
	if m.Err != nil {
		text = cli.OneLine("stays: " + m.Err.Error())
	}
	for _, w := range m.Warnings {
		text += cli.OneLine("; " + w.Error())
	}
	_, err := fmt.Fprintf(o.w, format, id, cli.OneLine(subject(m)), text)
	return err
}

func (o *filterOutput) object(m *filter.Message) filtered {
	f := filtered{
		UID: m.Entry.UID, File: m.Entry.Path, Subject: subject(m), Plan: m.Plan.Text(), Actions: []any{},
		Done: o.options.Execute && m.Err == nil,
	}
	if m.Result != nil && m.Result.Message != nil {
		f.Actions = explain.NewReport(m.Header, m.Result).Actions
	}
	if m.Err != nil {
		f.Error = m.Err.Error()
	}
	return f
}

// end prints the totals.
func (o *filterOutput) end() error {
	if o.options.format == "json" {
		return o.encode(filterSummary{Messages: o.messages, Failed: o.failed, Executed: o.options.Execute, Plans: o.plans})
	}
	said := "nothing was done, as there is no -e"
	if o.options.Execute {
		said = "done"
	}
	if _, err := fmt.Fprintf(o.w, "%d messages in %s: %s\n", o.messages, o.options.Mailbox, said); err != nil {
		return err
	}
	texts := slices.SortedFunc(maps.Keys(o.plans), func(a, b string) int {
		return cmp.Or(cmp.Compare(o.plans[b], o.plans[a]), cmp.Compare(a, b))
	})
	for _, text := range texts {
		if _, err := fmt.Fprintf(o.w, "%10d  %s\n", o.plans[text], text); err != nil {
			return err
		}
	}
	return nil
}

func (o *filterOutput) encode(v any) error {
	enc := json.NewEncoder(o.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func subject(m *filter.Message) string {
	if m.Header == nil {
		return ""
	}
	for f := range m.Header.Header("Subject") {
		return f.Decoded()
	}
	return ""
}
