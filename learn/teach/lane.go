package teach

import (
	"cmp"
	"slices"
	"time"

	"dovetail/learn"
)

// lane is what waits for one back end. It is not safe for concurrent use.
type lane struct {
	pupil   *Pupil
	retry   Retry
	desks   map[string]*desk // by user
	turns   []string         // the users of desks; the first one has the next turn
	waiting int              // jobs that are not done
	running int              // calls under way

	failures int       // calls that failed in a row; 0: the back end works
	blamed   *job      // the first job that failed in those calls
	several  bool      // others failed too
	until    time.Time // nothing is sent before, while there are failures
	since    time.Time // when it began to work, or to fail
	lastErr  error     // the last one, also when it works again
	failedAt time.Time
	outcomes map[learn.Outcome]int
}

// desk is what waits for one user.
type desk struct {
	jobs []*job
	busy bool // a call is under way
}

// job is a lesson for one back end.
type job struct {
	lesson   *lesson
	lane     *lane
	attempts int       // that failed
	next     time.Time // not tried again before
	running  bool
	done     bool
}

// Retry says when what failed is tried again: after Min, then after twice as long
// each time, up to Max.
type Retry struct {
	Min, Max time.Duration
	// Rand gives numbers in [0, 1), by which a wait gets up to a half shorter, so that
	// what failed together does not come together.
	Rand func() float64
}

func (r Retry) after(failures int) time.Duration {
	d := r.Min
	for range failures - 1 {
		if d *= 2; d >= r.Max {
			break
		}
	}
	d = min(d, r.Max)
	return d - time.Duration(r.Rand()*float64(d/2))
}

func (l *lane) add(j *job) {
	user := j.lesson.User
	d := l.desks[user]
	if d == nil {
		d = &desk{}
		l.desks[user] = d
		l.turns = append(l.turns, user)
	}
	d.jobs = append(d.jobs, j)
	l.waiting++
}

// finish ends a job.
func (l *lane) finish(j *job) {
	if !j.done {
		j.done = true
		l.waiting--
	}
}

// pick gives jobs of one user that can be sent now; none when there are none. They
// are marked as running.
func (l *lane) pick(now time.Time, most int, bytes int64) []*job {
	l.tidy()
	var jobs []*job
	switch {
	case l.failures == 0:
		jobs = l.inTurn(now, most, bytes)
	case l.running == 0 && !now.Before(l.until):
		jobs = l.probe(now)
	}
	if len(jobs) == 0 {
		return nil
	}
	l.desks[jobs[0].lesson.User].busy = true
	l.running++
	for _, j := range jobs {
		j.running = true
	}
	return jobs
}

// tidy forgets jobs that are done, and users who have none.
func (l *lane) tidy() {
	l.turns = slices.DeleteFunc(l.turns, func(user string) bool {
		d := l.desks[user]
		d.jobs = slices.DeleteFunc(d.jobs, func(j *job) bool { return j.done && !j.running })
		if len(d.jobs) > 0 || d.busy {
			return false
		}
		delete(l.desks, user)
		return true
	})
}

// inTurn gives the jobs of the user whose turn it is. Those that failed less often
// come first, so that a message that the back end cannot stand is not in the way.
func (l *lane) inTurn(now time.Time, most int, bytes int64) []*job {
	for i, user := range l.turns {
		d := l.desks[user]
		if d.busy {
			continue
		}
		jobs := slices.DeleteFunc(slices.Clone(d.jobs), func(j *job) bool { return j.next.After(now) })
		if len(jobs) == 0 {
			continue
		}
		slices.SortStableFunc(jobs, func(a, b *job) int { return cmp.Compare(a.attempts, b.attempts) })
		n := 0
		for size := int64(0); n < len(jobs) && n < most && (n == 0 || size+jobs[n].lesson.size <= bytes); n++ {
			size += jobs[n].lesson.size
		}
		l.turns = append(slices.Delete(l.turns, i, i+1), user)
		return jobs[:n]
	}
	return nil
}

// probe gives the one job that is to find out whether the back end works again: the
// one that failed least.
func (l *lane) probe(now time.Time) []*job {
	var best *job
	for _, user := range l.turns {
		for _, j := range l.desks[user].jobs {
			if !j.next.After(now) && (best == nil || j.attempts < best.attempts) {
				best = j
			}
		}
	}
	if best == nil {
		return nil
	}
	return []*job{best}
}

// back takes the results of a call. It tells whether the back end has gone down or
// come up with it.
func (l *lane) back(now time.Time, jobs []*job, fates []fate) (down, up bool) {
	l.running--
	l.desks[jobs[0].lesson.User].busy = false
	var failed error
	worked := false
	for i, j := range jobs {
		j.running = false
		f := fates[i]
		if f.Err == nil {
			worked = worked || f.Asked
			l.outcomes[f.Outcome]++
			l.finish(j)
			continue
		}
		if !f.unread {
			failed = cmp.Or(failed, f.Err)
			l.blame(j)
		}
		j.attempts++
		j.next = now.Add(l.retry.after(j.attempts))
	}
	if failed != nil {
		l.failures++
		l.until = now.Add(l.retry.after(l.failures))
		l.lastErr, l.failedAt = failed, now
		if l.failures == 1 {
			l.since = now
		}
		return l.failures == 1, false
	}
	if !worked || l.failures == 0 {
		return false, false
	}
	if l.several {
		l.forgive()
	}
	l.failures, l.blamed, l.several, l.since = 0, nil, false, now
	return false, true
}

func (l *lane) blame(j *job) {
	if l.blamed == nil {
		l.blamed = j
	}
	l.several = l.several || l.blamed != j
}

// forgive lets all jobs be tried at once: the back end was down, and they are not
// to blame. (Where one alone failed, that may be the fault of its message.)
func (l *lane) forgive() {
	for _, d := range l.desks {
		for _, j := range d.jobs {
			j.next = time.Time{}
		}
	}
}
