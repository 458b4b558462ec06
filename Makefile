# make build    all programs into bin/, static
# make man      manual pages of the commands into bin/man/
# make demo     a look at what dovetail does: needs Go alone
# make test     installs the mail servers that the tests need (root), runs all
# make check    format, vet, staticcheck, race tests, architecture
# make bench    dovetail-lmtpd and Dovecot's LMTP beside each other (root)
# make fuzz     every fuzz target for FUZZTIME; scripts/fuzz-keep keeps what it finds
# make install  into DESTDIR, PREFIX: programs, manual pages, systemd's units, what Dovecot needs for learning

GO       ?= go
DESTDIR  ?=
PREFIX   ?= /usr/local
PIPEDIR  ?= $(PREFIX)/lib/dovecot
UNITDIR  ?= $(PREFIX)/lib/systemd/system
MANDIR   ?= $(PREFIX)/share/man
SHAREDIR ?= $(PREFIX)/share/dovetail
DOCDIR   ?= $(PREFIX)/share/doc/dovetail
FUZZTIME ?= 20s
BENCH    ?=
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

programs = $(filter-out internal,$(notdir $(wildcard cmd/*)))
units    = dovetail-lmtpd.service dovetail-learnd.service dovetail-expire.service dovetail-expire.timer
pieces   = dovetail-expire.cron $(addprefix dovecot/,README.md report-spam.sieve report-ham.sieve 2.3/95-dovetail-learn.conf 2.4/95-dovetail-learn.conf)
# Dovecot runs learn-spam and learn-ham within the limit of its own processes
# (vsz_limit, 256 MB), and a Go program of 64 bits reserves more address space than
# that. Those of 32 bits do not. LEARN_GOARCH=amd64 is for kernels without them.
LEARN_GOARCH ?= $(subst amd64,386,$(shell $(GO) env GOARCH))
ldflags  = -s -w -X dovetail/internal/cli.Version=$(VERSION)

.PHONY: all build man demo test check race lint bench fuzz install clean

all: build

build:
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(ldflags)' -o bin/ $(addprefix ./cmd/,$(filter-out learn-%,$(programs)))
	CGO_ENABLED=0 GOARCH=$(LEARN_GOARCH) $(GO) build -trimpath -ldflags '$(ldflags)' -o bin/ $(addprefix ./cmd/,$(filter learn-%,$(programs)))

man:
	@rm -rf bin/man && mkdir -p bin/man
	for p in $(filter-out learn-%,$(programs)); do $(GO) run -tags man -ldflags '$(ldflags)' ./cmd/$$p bin/man || exit 1; done

demo: build
	@bin/dovetail demo

test:
	GO=$(GO) scripts/test

# The race detector needs cgo and a C compiler. Tests of the architecture and
# of everything else that needs no root are among these.
race:
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 15m ./...

lint:
	GO=$(GO) scripts/lint

check: lint race

bench: build
	$(GO) run ./bench $(BENCH)

fuzz:
	GO=$(GO) FUZZTIME=$(FUZZTIME) scripts/fuzz

# Sieve's pipe finds the learning programs in PIPEDIR, also by the names that
# the shell scripts before them had.
install: build man
	install -d '$(DESTDIR)$(PREFIX)/bin'
	for p in $(programs); do install -m 755 bin/$$p '$(DESTDIR)$(PREFIX)/bin/' || exit 1; done
	for kind in spam ham; do \
	  test -e bin/learn-$$kind || continue; \
	  install -d '$(DESTDIR)$(PIPEDIR)' && \
	  install -m 755 bin/learn-$$kind '$(DESTDIR)$(PIPEDIR)'/learn-$$kind && \
	  install -m 755 bin/learn-$$kind '$(DESTDIR)$(PIPEDIR)'/sa-learn-$$kind.sh || exit 1; \
	done
	install -d '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(DOCDIR)' '$(DESTDIR)$(SHAREDIR)/dovecot/2.3' '$(DESTDIR)$(SHAREDIR)/dovecot/2.4'
	install -d '$(DESTDIR)$(MANDIR)/man8'
	install -m 644 bin/man/* '$(DESTDIR)$(MANDIR)/man8/'
	install -m 644 README.md docs/*.md '$(DESTDIR)$(DOCDIR)/'
	for f in $(units) $(pieces); do \
	  case $$f in *.service|*.timer) to='$(UNITDIR)'/$$f;; *) to='$(SHAREDIR)'/$$f;; esac; \
	  sed 's,/usr/local/lib/dovecot,$(PIPEDIR),g; s,/usr/local,$(PREFIX),g' scripts/$$f >'$(DESTDIR)'"$$to" && \
	  chmod 644 '$(DESTDIR)'"$$to" || exit 1; \
	done

clean:
	rm -rf bin
