package sieve

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"dovetail/internal/message"
)

// siteMessage is a message as the site's marking script sees most: not spam,
// from and to people that no rule names.
const siteMessage = `Return-Path: <anna@example.com>
Received: from mx.example.org (mx.example.org [192.0.2.1])
	by mail.example.org with esmtps id 1abc-0001
	for bert@example.org; Sat, 21 Nov 2026 10:00:00 +0000
X-Spam-Status: No, score=-1.2
X-Spam-Flag: NO
Date: Sat, 21 Nov 2026 10:00:00 +0000
From: "Anna Example" <anna@example.com>
To: bert@example.org, "Carl, the third" <carl@example.net>
Cc: list@lists.example.org
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus dem Tal
Message-ID: <1234@example.com>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

`

func benchmark(b *testing.B, script []byte) {
	e, err := New(Options{Extensions: "+editheader +vnd.dovecot.pipe"})
	if err != nil {
		b.Fatal(err)
	}
	p, diags := e.Compile("bench", script, true)
	if p == nil {
		b.Fatal(diags)
	}
	msg := message.Parse([]byte(siteMessage + strings.Repeat("Some text of the body.\n", 90)))
	env := &Env{Envelope: &message.Envelope{From: "anna@example.com", To: "bert@example.org"}}
	b.ReportAllocs()
	for b.Loop() {
		if res := p.Run(context.Background(), msg, env); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}

// BenchmarkSite runs the site's marking script over a message in memory.
func BenchmarkSite(b *testing.B) {
	src, err := os.ReadFile("../testdata/site/20_rien-mark.sieve")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, src)
}

// rules gives a script of n rules, each an address test and a fileinto.
func rules(n int) []byte {
	var s strings.Builder
	s.WriteString("require \"fileinto\";\n")
	for i := range n {
		fmt.Fprintf(&s, "if address :is \"from\" \"user%d@example.net\" { fileinto \"box%d\"; stop; }\n", i, i)
	}
	return []byte(s.String())
}

func BenchmarkThousandRules(b *testing.B) { benchmark(b, rules(1000)) }

// BenchmarkThousandRulesOfEach has 100 users with a script of their own each, so
// that no script is in the processor's caches when its turn comes.
func BenchmarkThousandRulesOfEach(b *testing.B) {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	var programs []*Program
	for range 100 {
		p, diags := e.Compile("bench", rules(1000), false)
		if p == nil {
			b.Fatal(diags)
		}
		programs = append(programs, p)
	}
	msg, env := message.Parse([]byte(siteMessage)), &Env{}
	for i := 0; b.Loop(); i++ {
		if res := programs[i%len(programs)].Run(context.Background(), msg, env); res.Err != nil {
			b.Fatal(res.Err)
		}
	}
}

// BenchmarkProgramSize tells how much memory a compiled rule keeps.
func BenchmarkProgramSize(b *testing.B) {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			src := rules(n)
			kept := make([]*Program, 0, b.N)
			before := heap()
			for range b.N {
				p, _ := e.Compile("bench", src, false)
				kept = append(kept, p)
			}
			b.ReportMetric(float64(heap()-before)/float64(b.N*n), "B/rule")
			runtime.KeepAlive(kept)
		})
	}
}

// heap gives the bytes in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkCompileThousandRules(b *testing.B) {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	src := rules(1000)
	b.ReportAllocs()
	for b.Loop() {
		if p, diags := e.Compile("bench", src, false); p == nil {
			b.Fatal(diags)
		}
	}
}
