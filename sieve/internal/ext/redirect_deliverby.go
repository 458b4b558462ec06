package ext

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"dovetail/internal/message"
	"dovetail/sieve/action"
	"dovetail/sieve/internal/engine"
)

// groupByTime has both forms of the time, which exclude each other.
const groupByTime = "BYTIME"

// maxByTime bounds a relative time, which has nine digits (RFC 2852 section 4).
const maxByTime = 999_999_999

var _ = engine.Register(&engine.Extension{
	Name: "redirect-deliverby", Spec: "RFC 6009 section 7",
	Tags: []engine.Tag{
		{
			Name: "bytimerelative", On: []string{"redirect"}, Group: groupByTime,
			Param: &engine.Param{Name: "rlimit", Kind: engine.Number}, Late: redirectBy,
		},
		{
			Name: "bytimeabsolute", On: []string{"redirect"}, Group: groupByTime,
			Param: &engine.Param{Name: "alimit", Kind: engine.String, Check: func(v string) error {
				_, err := parseByTime(v)
				return err
			}},
			Late: redirectBy,
		},
		{
			Name: "bymode", On: []string{"redirect"}, Late: needByTime,
			Param: &engine.Param{Name: "mode", Kind: engine.String, Check: checkByMode},
		},
		{Name: "bytrace", On: []string{"redirect"}, Late: needByTime},
	},
})

func parseByTime(v string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, strings.ToUpper(v))
	if err != nil {
		// currentdate's zone has no colon (RFC 5260 section 4.2), and is what scripts put together.
		t, err = time.Parse("2006-01-02T15:04:05-0700", strings.ToUpper(v))
	}
	if err != nil {
		return t, fmt.Errorf("redirect command: invalid :bytimeabsolute value '%.64s': it is a date-time of RFC 3339", v)
	}
	return t, nil
}

func checkByMode(v string) error {
	if !strings.EqualFold(v, "notify") && !strings.EqualFold(v, "return") {
		return fmt.Errorf("redirect command: invalid :bymode value '%.64s': it is notify or return", v)
	}
	return nil
}

// needByTime refuses what says nothing without a time.
func needByTime(c *engine.Call, t *engine.TagUse) error {
	if c.TagOf(groupByTime) == nil {
		return fmt.Errorf("the :%s tag of the redirect command needs :bytimerelative or :bytimeabsolute", t.Tag.Name)
	}
	return nil
}

// redirectBy has the redirect ask for its delivery by the time. Without a mode
// the message is to be returned when it is late (RFC 6009 section 7).
func redirectBy(c *engine.Call, t *engine.TagUse) error {
	relative := t.Tag.Name == "bytimerelative"
	if relative && t.Num() > maxByTime {
		return fmt.Errorf("redirect command: :bytimerelative can be at most %d seconds", maxByTime)
	}
	mode, trace := c.Tag("bymode"), c.Tag("bytrace") != nil
	c.AddEffect(func(r *engine.Run, a action.Action) error {
		by := &message.DeliverBy{Return: true, Trace: trace}
		if mode != nil {
			m := mode.Str().Eval(r)
			if err := checkByMode(m); err != nil {
				return err
			}
			by.Return = strings.EqualFold(m, "return")
		}
		if relative {
			by.Time = r.Now().Add(time.Duration(t.Num()) * time.Second)
		} else {
			var err error
			if by.Time, err = parseByTime(t.Str().Eval(r)); err != nil {
				return err
			}
		}
		if by.Return && !by.Time.After(r.Now()) { // RFC 2852 section 4: only notifications may be asked for what is late
			return errors.New("redirect command: the time that the message is to be delivered by is over")
		}
		if redirect, ok := a.(*action.Redirect); ok {
			redirect.By = by
		}
		return nil
	})
	return nil
}
