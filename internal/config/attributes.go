package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"dovetail/internal/userdb/expand"
)

// Attributes gives the path of the file with a user's annotations as a template;
// a leading "~" is the home. It is nil when there is none.
func (m Mail) Attributes() *expand.Template {
	if m.AttributeDict == "" {
		return nil
	}
	t, err := parseAttributes(m.AttributeDict)
	if err != nil {
		return nil
	}
	return t
}

// parseAttributes reads a value of mail_attribute_dict, of which one driver is known.
func parseAttributes(s string) (*expand.Template, error) {
	path, ok := strings.CutPrefix(s, "file:")
	if !ok {
		return nil, fmt.Errorf("%q: only Dovecot's dict driver file can be read, file:PATH", s)
	}
	if !filepath.IsAbs(path) && !strings.HasPrefix(path, "~/") && !strings.HasPrefix(path, "%") {
		return nil, fmt.Errorf("%q is neither an absolute path nor below the home (~/)", path)
	}
	return expand.Parse(path)
}
