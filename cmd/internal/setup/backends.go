package setup

import (
	"fmt"

	"dovetail/internal/config"
	"dovetail/learn"
	"dovetail/learn/rspamd"
)

// Backends builds the classifiers that learn ([learn] backends), in their order.
func Backends(c *config.Config) ([]learn.Backend, error) {
	var all []learn.Backend
	for i, name := range c.Learn.Backends {
		b, err := backend(c, name)
		if err != nil {
			return nil, fmt.Errorf("%s: learn.backends[%d]: %w", c.Origin("learn.backends"), i, err)
		}
		all = append(all, b)
	}
	return all, nil
}

func backend(c *config.Config, name string) (learn.Backend, error) {
	switch name {
	case "rspamd":
		return rspamd.New(rspamd.Options{URL: c.Learn.Rspamd.URL, PasswordFile: c.Learn.Rspamd.PasswordFile})
	}
	return nil, fmt.Errorf("there is no back end %s", name)
}
