package rspamd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"dovetail/learn"
)

// maxAnswer bounds the bytes of an answer, and of its header. Rspamd's have some hundred.
const maxAnswer = 64 << 10

// maxReason bounds the bytes of what rspamd said that go into a log.
const maxReason = 300

// answer is what rspamd said.
type answer struct {
	status int
	reason string // of the status line
	body   []byte
}

// text is the answer for people. A 204 has no body, and its reason is in the status line.
func (a answer) text() string {
	var body struct {
		Error string `json:"error"`
	}
	s := a.reason
	if json.Unmarshal(a.body, &body) == nil && body.Error != "" {
		s = body.Error
	}
	if len(s) > maxReason {
		s = s[:maxReason] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// learn teaches one message.
func (b *Backend) learn(ctx context.Context, header http.Header, item learn.Item) learn.Result {
	switch size := item.Message.Size(); {
	case item.Prior == item.Class:
		return learn.Result{Outcome: learn.Already}
	case size == 0:
		return learn.Result{Outcome: learn.Refused, Reason: "the message is empty"}
	case size > b.o.MaxSize:
		return learn.Result{Outcome: learn.Refused, Reason: fmt.Sprintf("the message has %d bytes, more than %d", size, b.o.MaxSize)}
	}
	ctx, cancel := context.WithTimeout(ctx, b.o.Timeout)
	defer cancel()
	a, err := b.client.ask(ctx, header, http.MethodPost, "/learn"+string(item.Class), item.Message.Open(), item.Message.Size())
	switch {
	case errors.Is(err, errMessage):
		return learn.Result{Err: fmt.Errorf("teaching rspamd: %w", err)}
	case err != nil:
		return learn.Result{Err: fmt.Errorf("teaching rspamd: %w (%w)", err, errAll)}
	}
	if a.status == http.StatusNotFound && a.already() {
		return b.settle(ctx, header, a)
	}
	return a.result(item)
}

// already tells whether the text is that of a message known in its class.
func (a answer) already() bool { return strings.Contains(a.text(), "already learned") }

// result says what an answer means.
func (a answer) result(item learn.Item) learn.Result {
	var body struct {
		Success bool `json:"success"`
	}
	switch {
	case a.status == http.StatusOK && json.Unmarshal(a.body, &body) == nil && body.Success:
		if item.Prior != learn.None {
			return learn.Result{Outcome: learn.Relearned}
		}
		return learn.Result{Outcome: learn.Learned}
	case a.status == http.StatusAlreadyReported && a.already():
		return learn.Result{Outcome: learn.Already, Reason: a.text()}
	case a.status == http.StatusNoContent,
		a.status == http.StatusBadRequest && strings.Contains(a.text(), "Empty body"),
		a.status == http.StatusRequestEntityTooLarge:
		return learn.Result{Outcome: learn.Refused, Reason: a.text()}
	}
	err := fmt.Errorf("rspamd answers %d %s", a.status, a.text())
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		err = fmt.Errorf("%w: the password is wrong, or missing (%w)", err, errAll)
	case a.status == http.StatusNotFound:
		err = fmt.Errorf("%w: the classifier or the controller's URL is wrong (%w)", err, errAll)
	case a.status == http.StatusTooManyRequests:
		err = fmt.Errorf("%w (%w)", err, errAll)
	}
	return learn.Result{Err: err}
}

// settle finds out which of the meanings of a 404 it is; see the package.
func (b *Backend) settle(ctx context.Context, header http.Header, a answer) learn.Result {
	stat, err := b.client.ask(ctx, header, http.MethodGet, "/stat", http.NoBody, 0)
	if err != nil {
		return learn.Result{Err: fmt.Errorf("asking rspamd for its classifiers: %w (%w)", err, errAll)}
	}
	var s struct {
		Statfiles []struct {
			Type string `json:"type"`
		} `json:"statfiles"`
	}
	if err := json.Unmarshal(stat.body, &s); stat.status != http.StatusOK || err != nil || len(s.Statfiles) == 0 {
		return learn.Result{Err: fmt.Errorf("rspamd answers %q, and does not tell its classifiers: %d %s", a.text(), stat.status, stat.text())}
	}
	for _, f := range s.Statfiles {
		if f.Type == "redis" {
			return learn.Result{Err: fmt.Errorf("rspamd answers 404 %q: it cannot reach its redis", a.text())}
		}
	}
	return learn.Result{Outcome: learn.Already, Reason: a.text()}
}
