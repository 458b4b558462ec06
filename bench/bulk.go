package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"dovetail/internal/peer"
	"dovetail/internal/peer/corpus"
)

const (
	// bulkName is the name of the case for -case.
	bulkName = "bulk"
	// bulkMessages is the number of messages in the folder.
	bulkMessages = 1000
)

// measureBulk measures how long it takes to teach rspamd a folder: by find, which
// starts rspamc for each message, by rspamc, which takes the folder, and by us. For each
// turn rspamd is a new one that has learned nothing.
func measureBulk(ctx context.Context, t *benchT, w io.Writer, o options) error {
	messages := bulkMessages
	if o.short {
		messages /= 10
	}
	dir := filepath.Join(peer.Dir(t), "new")
	c := corpus.New(1)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for i := range messages {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.M1P1.h", i)), c.Spam(i), 0o644); err != nil {
			return err
		}
	}
	programs := []func(*peer.Rspamd) (string, []string){
		func(r *peer.Rspamd) (string, []string) {
			return "find -exec rspamc", []string{"/usr/bin/find", dir, "-type", "f", "-exec", "/usr/bin/rspamc", "-h", r.Addr, "-P", peer.Password, "learn_spam", "{}", ";"}
		},
		func(r *peer.Rspamd) (string, []string) {
			return "rspamc learn_spam DIR", []string{"/usr/bin/rspamc", "-h", r.Addr, "-P", peer.Password, "learn_spam", dir}
		},
		func(r *peer.Rspamd) (string, []string) {
			return "dovetail learn bulk", []string{filepath.Join(filepath.Dir(o.program), "dovetail"), "-c", bulkConfig(t, r), "learn", "bulk", "spam", dir}
		},
	}
	names, took := make([]string, len(programs)), make([][]float64, len(programs))
	for range max(o.runs, 1) {
		for i, program := range programs {
			r := peer.StartRspamd(t, peer.RspamdOptions{})
			var command []string
			names[i], command = program(r)
			d, err := timed(ctx, command)
			if err != nil {
				return err
			}
			if spam, _ := r.Counts(""); spam != messages {
				t.Errorf("%s: rspamd has learned %d messages of %d", names[i], spam, messages)
			}
			took[i] = append(took[i], d.Seconds())
			r.Stop()
			r.StopRedis()
		}
	}
	fmt.Fprintf(w, "bulk: %d messages into rspamd\n", messages)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\ts\tit/dovetail\t\n")
	ours := middle(took[len(took)-1])
	for i, name := range names {
		fmt.Fprintf(table, "%s\t%.2f\t%.2f\t\n", name, middle(took[i]), middle(took[i])/ours)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// bulkConfig writes a configuration that teaches r, with a ledger of its own.
func bulkConfig(t *benchT, r *peer.Rspamd) string {
	dir := peer.Dir(t)
	name := filepath.Join(dir, "dovetail.toml")
	text := fmt.Sprintf(`
[learn]
backends = ["rspamd"]
queue_dir = "%[1]s/queue"
[learn.rspamd]
url = "http://%[2]s"
password_file = "%[1]s/password"
[state]
url = "sqlite:%[1]s/state.db"
`, dir, r.Addr)
	for file, text := range map[string]string{name: text, dir + "/password": peer.Password + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return name
}
