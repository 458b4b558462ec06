package engine

import "fmt"

// CheckHeaderName refuses what cannot be the name of a header field (RFC 5322 section 2.2).
func CheckHeaderName(name string) error {
	for i := 0; i < len(name); i++ {
		if name[i] < 33 || name[i] > 126 || name[i] == ':' {
			return fmt.Errorf("specified header name '%s' is invalid", name)
		}
	}
	if name == "" {
		return fmt.Errorf("specified header name '' is invalid")
	}
	return nil
}
