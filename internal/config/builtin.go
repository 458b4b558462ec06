package config

import "time"

// Builtin is our own classifier, which learns and can score at delivery.
type Builtin struct {
	Path        string        `toml:"path" check:"path"`                 // database, for all users
	MinLessons  int           `toml:"min_lessons" min:"1" max:"1000000"` // of each class before anything is scored
	SpamPercent int           `toml:"spam_percent" min:"1" max:"100"`    // scores from here on are spam
	HamPercent  int           `toml:"ham_percent" min:"0"`               // scores up to here are ham
	Lifetime    time.Duration `toml:"lifetime" min:"86400000000000"`     // of lessons

	Score        bool          `toml:"score"`                                         // each message at its delivery
	ScoreHeader  string        `toml:"score_header" check:"xfield"`                   // the field that tells the score
	ScoreTimeout time.Duration `toml:"score_timeout" min:"1000000" max:"10000000000"` // for scoring one message; then it is delivered unscored
}

var builtinDefaults = Builtin{
	Path: "/var/lib/dovetail/learn.db", MinLessons: 50, SpamPercent: 99, HamPercent: 10, Lifetime: 52 * 7 * 24 * time.Hour,
	ScoreHeader: "X-Spam-Status", ScoreTimeout: 100 * time.Millisecond,
}

// spamtest has Sieve's spamtest read the score, unless settings say what it reads.
func (b Builtin) spamtest(settings map[string]string) {
	if !b.Score || settings["sieve_spamtest_status_header"] != "" {
		return
	}
	settings["sieve_spamtest_status_header"] = b.ScoreHeader + ": score=([0-9.]+)"
	settings["sieve_spamtest_status_type"] = "score"
	settings["sieve_spamtest_max_value"] = "10"
}
