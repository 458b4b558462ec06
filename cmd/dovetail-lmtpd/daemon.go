package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"dovetail/cmd/internal/setup"
	"dovetail/internal/config"
	"dovetail/lmtp"
)

// daemon is the server with what is read again at SIGHUP.
type daemon struct {
	load   func() (*config.Config, error)
	logger func(config.Log) (*slog.Logger, io.Closer, error)

	memory   setup.Memory
	server   *lmtp.Server
	config   *config.Config
	log      *slog.Logger
	closer   io.Closer // of log
	previous io.Closer // of the log before, which sessions may still write to
}

// start reads the configuration for the first time.
func (d *daemon) start() error {
	c, log, closer, conf, err := d.read()
	if err != nil {
		return err
	}
	d.config, d.log, d.closer, d.server = c, log, closer, lmtp.New(conf)
	return nil
}

// read reads the configuration and builds everything from it.
func (d *daemon) read() (*config.Config, *slog.Logger, io.Closer, lmtp.Config, error) {
	c, err := d.load()
	if err != nil {
		return nil, nil, nil, lmtp.Config{}, err
	}
	log, closer, err := d.logger(c.Log)
	if err != nil {
		return nil, nil, nil, lmtp.Config{}, fmt.Errorf("%s: %w", c.Origin("log.file"), err)
	}
	conf, err := d.serverConfig(c, log)
	if err != nil {
		return nil, nil, nil, lmtp.Config{}, errors.Join(err, closer.Close())
	}
	return c, log, closer, conf, nil
}

// serverConfig builds the server's settings. Site scripts that do not compile
// are an error only when there is something better to go on with.
func (d *daemon) serverConfig(c *config.Config, log *slog.Logger) (lmtp.Config, error) {
	mail, err := setup.Delivery(c, "lmtp", &d.memory, log)
	if err != nil {
		return lmtp.Config{}, err
	}
	if mail.Scripts != nil {
		if err := mail.Scripts.Check(); err != nil {
			if d.server != nil {
				return lmtp.Config{}, err
			}
			log.Error("site scripts do not compile: they are left out", "error", err)
		}
	}
	conf := lmtp.Config{
		Hostname: c.Hostname, Deliverer: deliverer{mail}, Log: log,
		Limits: lmtp.Limits{
			MessageSize: c.LMTP.MessageSizeLimit, Recipients: c.LMTP.RecipientLimit, Sessions: c.LMTP.SessionLimit,
			IdleTimeout: c.LMTP.CommandTimeout, DataTimeout: c.LMTP.DataTimeout, WriteTimeout: c.LMTP.WriteTimeout,
			Grace:       max(c.LMTP.ShutdownTimeout, 1), // 0 would be lmtp's default
			SpoolMemory: int(c.LMTP.SpoolMemory), SpoolDir: c.LMTP.SpoolDir,
		},
	}
	for _, network := range c.LMTP.TrustedNetworks {
		prefix, err := config.ParseNetwork(network)
		if err != nil {
			return lmtp.Config{}, err
		}
		conf.Trusted = append(conf.Trusted, prefix)
	}
	if err := checkSpool(c.LMTP.SpoolDir); err != nil {
		return lmtp.Config{}, fmt.Errorf("%s: lmtp.spool_dir: %w", c.Origin("lmtp.spool_dir"), err)
	}
	if c.LMTP.SSLCert == "" {
		return conf, nil
	}
	cert, err := tls.LoadX509KeyPair(c.LMTP.SSLCert, c.LMTP.SSLKey)
	if err != nil {
		return lmtp.Config{}, fmt.Errorf("%s: lmtp.ssl_cert: %w", c.Origin("lmtp.ssl_cert"), err)
	}
	conf.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	return conf, nil
}

// checkSpool looks whether there is such a folder: else nobody would know before the
// first large message, which would wait for ever.
func checkSpool(dir string) error {
	if dir == "" {
		return nil
	}
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s is not a folder", dir)
	}
	return err
}

// serve serves until ctx ends.
func (d *daemon) serve(ctx context.Context) error {
	l := d.config.LMTP
	listeners, err := setup.Listen(l.Listen, d.config.Origin("lmtp.listen") != listenFlag,
		setup.SocketOptions{Mode: l.SocketMode, User: l.SocketUser, Group: l.SocketGroup})
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error { return d.server.Serve(ctx, l) })
		d.log.Info("ready", "listen", l.Addr().Network()+":"+l.Addr().String())
	}
	d.notify(sd.SdNotifyReady)
	for {
		select {
		case <-hup:
			d.reload()
			continue
		case <-ctx.Done():
		}
		break
	}
	d.notify(sd.SdNotifyStopping)
	for _, l := range listeners {
		l.Close() // Serve does it too, at its time
	}
	d.log.Info("stopping: no new sessions")
	err = group.Wait()
	d.log.Info("stopped")
	return err
}

// reload reads the configuration and the scripts again. What is broken is
// reported, and all stays as it was.
func (d *daemon) reload() {
	d.notify(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
	defer d.notify(sd.SdNotifyReady)
	c, log, closer, conf, err := d.read()
	if err != nil {
		d.log.Error("the configuration stays as it was", "error", err)
		return
	}
	if !slices.Equal(c.LMTP.Listen, d.config.LMTP.Listen) || c.LMTP.SessionLimit != d.config.LMTP.SessionLimit {
		log.Warn("a new listen or session_limit of [lmtp] needs a restart")
	}
	d.server.Configure(conf)
	if d.previous != nil {
		if err := d.previous.Close(); err != nil {
			log.Warn("closing the old log", "error", err)
		}
	}
	d.config, d.log, d.previous, d.closer = c, log, d.closer, closer
	log.Info("configuration and scripts are read again")
}

// notify tells systemd, if it is there, of the server's state.
func (d *daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn("cannot tell systemd", "error", err)
	}
}

// serveInput serves one session on standard input and output.
func (d *daemon) serveInput(ctx context.Context) error {
	conn, err := newStdio()
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	d.server.ServeConn(ctx, conn)
	return nil
}
