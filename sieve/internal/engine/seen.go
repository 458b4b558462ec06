package engine

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dovetail/sieve/action"
)

// Seen tells what was remembered by earlier deliveries (action.Remember).
type Seen interface {
	Seen(ctx context.Context, key action.Key) (bool, error)
}

// Key makes the key of something that happens once for the user: of kind and parts.
func (r *Run) Key(kind string, parts ...string) action.Key {
	return action.NewKey(append([]string{r.env.User, kind}, parts...)...)
}

// maxAsked bounds the keys that a run asks for, each of which may be remembered: an
// implementation should limit their number (RFC 7352 section 6).
const maxAsked = 100

// asked are the answers of seenBefore in this run.
var asked = NewState(func() *map[action.Key]bool { return &map[action.Key]bool{} })

// seenBefore tells whether an earlier delivery remembered key, and has it
// remembered for period when it did not, or when again is set (RFC 7352 section
// 3). Asked twice in a run it answers twice the same. Where nothing is
// remembered, or the memory fails, nothing was seen: better one message too
// many than one too few.
func (r *Run) seenBefore(c *Call, key action.Key, period time.Duration, again bool) (bool, error) {
	answers := *asked.Of(r)
	seen, known := answers[key]
	switch {
	case known:
	case len(answers) == maxAsked:
		r.Warn(c.Pos, "%s %s: more than %d unique ids in one run; this one is not looked at", c.Command.Name, c.kindName(), maxAsked)
		return false, nil
	case r.env.Seen == nil:
		r.Warn(c.Pos, "%s %s: duplicate checking is not available here", c.Command.Name, c.kindName())
	default:
		var err error
		if seen, err = r.env.Seen.Seen(r.ctx, key); err != nil {
			r.LogError(c.Pos, "%s %s: %v", c.Command.Name, c.kindName(), err)
			seen = false
		}
	}
	answers[key] = seen
	if seen && !again {
		return true, nil
	}
	return seen, r.Do(c, &action.Remember{Key: key, Period: period})
}

// Repeated makes the test whether a message with the same unique id was
// delivered before, by a test with the same :handle (RFC 7352 section 3); idTag
// names the tag that gives the id itself. What the id was taken from makes no
// difference (section 3.1); :last does, for it counts otherwise.
func (c *Call) Repeated(idTag string, p Periods) Cond {
	header, id, handle := c.Tag("header"), c.Tag(idTag), c.Tag("handle")
	kind, again := "duplicate", c.Tag("last") != nil
	if again {
		kind = "duplicate :last"
	}
	period := p.Of(c, c.Tag("seconds"), time.Second)
	return func(r *Run) (bool, error) {
		name, value := "Message-ID", ""
		if header != nil {
			name = header.Str().Eval(r)
		}
		if id != nil {
			value = id.Str().Eval(r)
		} else {
			value, _ = r.msg.Get(name)
		}
		if value == "" {
			return false, nil // nothing to know it by
		}
		parts := []string{value}
		if handle != nil {
			parts = append(parts, handle.Str().Eval(r))
		}
		return r.seenBefore(c, r.Key(kind, parts...), period, again)
	}
}

// RepeatedTags are the tags of such a test.
func RepeatedTags(idTag string) []Tag {
	return []Tag{
		{Name: "handle", Param: &Param{Name: "handle", Kind: String}},
		{Name: "header", Group: "UNIQUE ID", Param: &Param{Name: "header-name", Kind: String}},
		{Name: idTag, Group: "UNIQUE ID", Param: &Param{Name: "value", Kind: String}},
		{Name: "seconds", Param: &Param{Name: "timeout", Kind: Number}},
		{Name: "last"},
	}
}

// Periods bound how long something is remembered. A Max of 0 is no bound.
type Periods struct{ Default, Min, Max time.Duration }

// Periods reads PREFIX_default_period, PREFIX_min_period and PREFIX_max_period;
// what is missing or bad is taken from def, and the error tells of it.
func (s Settings) Periods(prefix string, def Periods) (Periods, error) {
	var errs []string
	read := func(name string, def time.Duration) time.Duration {
		d, err := s.Duration(prefix+"_"+name+"_period", def)
		if err != nil {
			errs = append(errs, err.Error())
		}
		return d
	}
	p := Periods{read("default", def.Default), read("min", def.Min), read("max", def.Max)}
	if p.Max > 0 && p.Max < p.Min {
		errs = append(errs, fmt.Sprintf("%s_max_period is less than %s_min_period", prefix, prefix))
		p.Min, p.Max = def.Min, def.Max
	}
	p.Default = p.clamp(p.Default)
	if errs != nil {
		return p, fmt.Errorf("%s", strings.Join(errs, "\n"))
	}
	return p, nil
}

func (p Periods) clamp(d time.Duration) time.Duration {
	if p.Max > 0 {
		d = min(d, p.Max)
	}
	return max(d, p.Min)
}

// Of gives the period of n units that a tag asks for, brought within the bounds
// with a warning; p.Default without a tag.
func (p Periods) Of(c *Call, t *TagUse, unit time.Duration) time.Duration {
	if t == nil {
		return p.Default
	}
	asked := time.Duration(min(t.Num(), uint64(longest/unit))) * unit
	got := p.clamp(asked)
	if got != asked {
		c.Warnf(t.Pos, "specified :%s value for the %s is out of range; %v is taken", t.Tag.Name, c.describe(), got)
	}
	return got
}

// longest is the longest period, so that sums with it fit: a hundred years.
const longest = 100 * 365 * 24 * time.Hour
