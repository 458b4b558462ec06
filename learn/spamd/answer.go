package spamd

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"dovetail/learn"
)

// maxAnswer bounds the bytes of an answer. Spamd's have some hundred.
const maxAnswer = 16 << 10

// Codes of spamd's answers, sysexits.h.
const (
	exOK          = 0
	exDataErr     = 65
	exUnavailable = 69
)

// answer is what spamd said.
type answer struct {
	code int
	text string
	did  bool // DidSet or DidRemove
}

func readAnswer(r io.Reader) (answer, error) {
	limited := &io.LimitedReader{R: r, N: maxAnswer}
	tp := textproto.NewReader(bufio.NewReader(limited))
	line, err := tp.ReadLine()
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	// SPAMD/1.1 CODE TEXT
	protocol, rest, _ := strings.Cut(line, " ")
	code, text, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if err != nil || !strings.HasPrefix(protocol, "SPAMD/") {
		return answer{}, fmt.Errorf("the answer %.100q is not spamd's", line)
	}
	a := answer{code: n, text: strings.ToValidUTF8(text[:min(len(text), 300)], "?")}
	if n != exOK {
		return a, nil // some errors come without a header
	}
	header, err := tp.ReadMIMEHeader()
	switch {
	case limited.N == 0:
		return answer{}, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case err != nil:
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	for _, place := range strings.Split(header.Get("DidSet")+","+header.Get("DidRemove"), ",") {
		a.did = a.did || strings.TrimSpace(place) == "local"
	}
	return a, nil
}

// result says what an answer means that is not 0 without an effect.
func (a answer) result(item learn.Item, err error) learn.Result {
	switch {
	case err != nil:
		return learn.Result{Err: err}
	case a.code == exOK && a.did && item.Prior != learn.None:
		return learn.Result{Outcome: learn.Relearned}
	case a.code == exOK && a.did:
		return learn.Result{Outcome: learn.Learned}
	case a.code == exDataErr:
		return learn.Result{Outcome: learn.Refused, Reason: a.text}
	}
	err = fmt.Errorf("spamd answers %d %s", a.code, a.text)
	if a.code == exUnavailable {
		err = fmt.Errorf("%w (%w: it needs --allow-tell)", err, errAll)
	}
	return learn.Result{Err: err}
}
