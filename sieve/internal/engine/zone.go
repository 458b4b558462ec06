package engine

import "time"

// ZoneTag gives the tag :zone of tests that look at times (RFC 5260 section 4.1),
// for the command that has it, or for those named by on. Call.Zone tells what it says.
func ZoneTag(on ...string) Tag {
	return Tag{
		Name: "zone", Group: "ZONE", On: on, Param: &Param{Name: "time zone", Kind: String},
		Apply: func(c *Call, t *TagUse) error {
			if s, known := t.Str().Const(); known {
				if _, ok := parseZone(s); !ok {
					c.Warnf(t.Str().Pos, "specified :zone argument '%s' is not a valid timezone", s)
				}
			}
			return nil
		},
	}
}

// Zone gives the zone in which a test looks at times: that of :zone, else, or
// when that is none, the one of this machine.
func (c *Call) Zone(r *Run) *time.Location {
	if tag := c.Tag("zone"); tag != nil {
		if loc, ok := parseZone(tag.Str().Eval(r)); ok {
			return loc
		}
	}
	return r.Now().Location()
}

// parseZone reads an offset from UTC, +hhmm or -hhmm.
func parseZone(s string) (*time.Location, bool) {
	t, err := time.Parse("-0700", s)
	if err != nil {
		return nil, false
	}
	_, offset := t.Zone()
	return time.FixedZone("", offset), true
}
