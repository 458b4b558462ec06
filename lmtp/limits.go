package lmtp

import "time"

// Limits bound what a client can make the server do. A field that is zero has
// the default named with it, except where zero means none.
type Limits struct {
	MessageSize int64 // bytes of a message as sent, before dots are taken off; 0: none. The MTA has accepted the message: a limit here makes bounces
	Recipients  int   // recipients of a transaction; 1000
	Line        int   // bytes of a command line with its end; 4096, at most 16384
	Faults      int   // commands in a row that are not LMTP, then the session ends; 10
	Sessions    int   // sessions at the same time; more wait for their greeting; 512

	IdleTimeout  time.Duration // wait for a command; 5 minutes (RFC 5321 section 4.5.3.2.7)
	DataTimeout  time.Duration // wait for the next part of a message; 3 minutes (RFC 5321 section 4.5.3.2.5)
	WriteTimeout time.Duration // wait for the client to take replies; 5 minutes
	Grace        time.Duration // wait, after the end of Serve's context, for the transactions under way; 1 minute

	SpoolMemory int    // bytes of a message kept in memory; 128 KiB
	SpoolDir    string // folder of what is beyond; the system's temporary folder
	LargeSpools int    // messages at the same time that may have LargeMemory before that; 8, negative: none
	LargeMemory int    // bytes of such a message kept in memory; 2 MiB
}

// withDefaults gives l with its zero fields set.
func (l Limits) withDefaults() Limits {
	def(&l.Recipients, 1000)
	def(&l.Line, 4096)
	def(&l.Faults, 10)
	def(&l.Sessions, 512)
	def(&l.IdleTimeout, 5*time.Minute)
	def(&l.DataTimeout, 3*time.Minute)
	def(&l.WriteTimeout, 5*time.Minute)
	def(&l.Grace, time.Minute)
	def(&l.SpoolMemory, 128<<10)
	def(&l.LargeSpools, 8)
	def(&l.LargeMemory, 2<<20)
	l.Line = min(l.Line, readBuffer)
	return l
}

// readBuffer is the size of a session's read buffer in bytes, and so the longest
// command line possible.
const readBuffer = 16 << 10

func def[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
