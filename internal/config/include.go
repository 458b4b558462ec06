package config

import (
	"cmp"
	"strings"

	"dovetail/internal/userdb/expand"
)

// defaultScriptFolder is Dovecot's.
const defaultScriptFolder = "~/sieve"

// ScriptFolder gives the folder of the scripts that a user's script includes, as a
// template: of a setting sieve = [file:]FOLDER;active=PATH the folder, else
// sieve_dir, else ~/sieve. It is nil when the setting is none.
func (s *Sieve) ScriptFolder() *expand.Template {
	folder := cmp.Or(s.Other["sieve_dir"], defaultScriptFolder)
	if path, options, _ := strings.Cut(s.Script, ";"); strings.Contains(";"+options, ";active=") {
		folder = path
	}
	t, err := expand.Parse(strings.TrimPrefix(folder, "file:"))
	if err != nil {
		return nil
	}
	return t
}

// GlobalFolder gives the folder of the scripts of the site that others include:
// sieve_global, or sieve_global_dir as older Dovecots have it; "" for none.
func (s *Sieve) GlobalFolder() string {
	path, err := ScriptPath(cmp.Or(s.Other["sieve_global"], s.Other["sieve_global_dir"]))
	if err != nil {
		return ""
	}
	return path
}
