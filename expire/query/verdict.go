package query

// Verdict is what is known of a part of a query when not all of a message is known.
type Verdict int

// The verdicts.
const (
	Unknown Verdict = iota
	No
	Yes
)

// VerdictOf gives Yes or No.
func VerdictOf(b bool) Verdict {
	if b {
		return Yes
	}
	return No
}

// Not gives the verdict on the opposite.
func (v Verdict) Not() Verdict {
	switch v {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

// Combine gives the verdict on several parts: that of And where No is decisive, of Or
// where Yes is. The parts behind one that decides are not asked.
func Combine[T any](parts []T, decisive Verdict, ask func(T) Verdict) Verdict {
	result := decisive.Not()
	for _, part := range parts {
		switch ask(part) {
		case decisive:
			return decisive
		case Unknown:
			result = Unknown
		}
	}
	return result
}
