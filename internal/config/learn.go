package config

import "dovetail/learn/rule"

// Rules gives the settings of what teaches what.
func (c *Config) Rules() *rule.Settings {
	return &rule.Settings{
		Junk: c.Learn.Junk, Trash: c.Learn.Trash, Ignore: c.Learn.Ignore, Uses: c.Mail.Uses(),
		Separator: c.Mail.Separator, Prefix: c.Mail.Prefix,
		MinSize: c.Learn.MinSize, MaxSize: c.Learn.MaxSize,
	}
}
