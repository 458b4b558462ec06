package rspamd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client asks a controller. Each request has a connection of its own, since rspamd
// closes it after the answer. An http.Client is not used: its Transport has goroutines for
// each connection, to use it again, and takes more of the processor, which rspamd and
// redis need (`make bench`, case bulk).
type client struct {
	dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	network, address string
	base             *url.URL
}

// newClient makes the client of a URL, http://HOST:PORT, https://… or unix:PATH.
func newClient(s string) (*client, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("%q: the path of a socket must be absolute", s)
		}
		return &client{new(net.Dialer), "unix", path, &url.URL{Scheme: "http", Host: "localhost"}}, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%q: expected http://HOST:PORT or unix:PATH", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q: nothing but a host, a port and a path is of use here", s)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	c := &client{new(net.Dialer), "tcp", u.Host, u}
	if u.Scheme == "https" {
		c.dialer = new(tls.Dialer)
	}
	if u.Port() == "" {
		c.address = net.JoinHostPort(u.Hostname(), u.Scheme)
	}
	return c, nil
}

// ask makes one request. Redirections are not followed: an answer from elsewhere is no
// answer of rspamd.
func (c *client) ask(ctx context.Context, header http.Header, method, path string, body io.Reader, size int64) (answer, error) {
	conn, err := c.dialer.DialContext(ctx, c.network, c.address)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(0, 1)) }) // ends what is under way
	defer stop()
	to := *c.base
	to.Path += path
	sent := &source{r: body}
	req := &http.Request{
		Method: method, URL: &to, Header: header, Close: true,
		Body: io.NopCloser(sent), ContentLength: size,
	}
	writeErr := req.Write(conn)
	if writeErr != nil && sent.err != nil && sent.n < size { // nobody would answer to that
		return answer{}, fmt.Errorf("%w: %d bytes of %d: %w", errMessage, sent.n, size, sent.err)
	}
	// Who answers before it has read all may close: what it said comes first.
	a, err := read(conn, req)
	if err != nil {
		err = errors.Join(ctx.Err(), writeErr, err)
	}
	return a, err
}

// errMessage is in errors of reading the message, which are no fault of rspamd.
var errMessage = errors.New("reading the message")

// source is what is sent, and how far it was read.
type source struct {
	r   io.Reader
	n   int64
	err error // that ended it
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	s.err = err
	return n, err
}

// read reads an answer.
func read(conn io.Reader, req *http.Request) (answer, error) {
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 2*maxAnswer)), req)
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	defer res.Body.Close() // nothing was written
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case len(text) > maxAnswer:
		return answer{}, fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	case err != nil:
		return answer{}, fmt.Errorf("reading the answer: %w", err)
	}
	_, reason, _ := strings.Cut(res.Status, " ")
	return answer{status: res.StatusCode, reason: reason, body: text}, nil
}
