package config

import (
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// Setting is one effective value.
type Setting struct {
	Key    string `json:"key"`    // full name, e.g. "lmtp.listen"
	Value  string `json:"value"`  // as it stands in a file
	Origin string `json:"origin"` // see Config.Origin
}

// Settings gives all effective values in the order of the structs.
func (c *Config) Settings() []Setting {
	return c.walk("", reflect.ValueOf(c).Elem())
}

// walk gives the settings of a table first, then those of the tables in it.
func (c *Config) walk(prefix string, v reflect.Value) []Setting {
	var own, inner []Setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("toml")
		path := join(prefix, name)
		switch field := v.Field(i); {
		case name == "" && f.IsExported():
			if other, ok := field.Interface().(map[string]string); ok {
				own = append(own, c.others(prefix, other)...)
			}
		case name == "":
		case field.Kind() == reflect.Struct:
			inner = append(inner, c.walk(path, field)...)
		case field.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			for j := range field.Len() {
				inner = append(inner, c.walk(elementPath(path, j), field.Index(j))...)
			}
		default:
			own = append(own, Setting{path, valueText(field, f.Tag), c.Origin(path)})
		}
	}
	return append(own, inner...)
}

func (c *Config) others(prefix string, other map[string]string) []Setting {
	var list []Setting
	for key, value := range other {
		path := join(prefix, key)
		origin := c.Origin(path)
		if strings.Contains(key, "/") {
			if table, ok := c.origins[strings.ReplaceAll(path, "/", ".")]; ok {
				origin = table
			}
			path = join(prefix, tomlString(key))
		}
		list = append(list, Setting{path, tomlString(value), origin})
	}
	slices.SortFunc(list, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return list
}

func elementPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// valueText writes a value as TOML.
func valueText(v reflect.Value, tag reflect.StructTag) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return tomlString(formatDuration(value))
	case string:
		if tag.Get("secret") != "" {
			value = hidden(value, tag.Get("secret") == "url")
		}
		return tomlString(value)
	case []string:
		words := make([]string, len(value))
		for i, s := range value {
			words[i] = tomlString(s)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case int64:
		if tag.Get("kind") == "size" {
			return tomlString(formatSize(value))
		}
	}
	return fmt.Sprint(v.Interface())
}

// hidden gives what of a secret may be shown: of a URL all but its password.
func hidden(value string, isURL bool) string {
	u, err := url.Parse(value)
	switch {
	case value == "":
		return ""
	case !isURL || err != nil:
		return "(secret)"
	}
	if query := u.Query(); query.Has("password") { // libpq takes it there, too
		query.Set("password", "xxxxx")
		u.RawQuery = query.Encode()
	}
	return u.Redacted()
}

// tomlString quotes a string for TOML.
func tomlString(s string) string {
	out, err := toml.Marshal(map[string]string{"k": s})
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(out), "k = "))
}

// Write writes settings as a file that Load can read, with their origins as
// comments.
func Write(w io.Writer, settings []Setting) error {
	width := 0
	for _, s := range settings {
		_, key := splitKey(s.Key)
		width = max(width, min(len(key)+len(s.Value), 40))
	}
	var b strings.Builder
	table := ""
	for _, s := range settings {
		parent, key := splitKey(s.Key)
		if parent != table {
			table = parent
			header := "[" + table + "]"
			if i := strings.IndexByte(table, '['); i >= 0 {
				header = "[[" + table[:i] + "]]"
			}
			fmt.Fprintf(&b, "\n%s\n", header)
		}
		pad := strings.Repeat(" ", max(width-len(key)-len(s.Value), 0))
		fmt.Fprintf(&b, "%s = %s%s  # %s\n", key, s.Value, pad, s.Origin)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// splitKey splits a full name into table and key.
func splitKey(path string) (table, key string) {
	end := len(path)
	if i := strings.IndexByte(path, '"'); i > 0 {
		end = i
	}
	i := strings.LastIndexByte(path[:end], '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// SieveSettings gives the settings of [sieve] by their names, and
// recipient_delimiter, as strings: what the extensions of the language read.
func (c *Config) SieveSettings() map[string]string {
	settings := map[string]string{"recipient_delimiter": c.RecipientDelimiter}
	v := reflect.ValueOf(&c.Sieve).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := f.Tag.Get("toml")
		if name == "" {
			continue
		}
		switch value := v.Field(i).Interface().(type) {
		case string:
			settings[name] = value
		case []string:
			settings[name] = strings.Join(value, " ")
		case bool:
			settings[name], _ = textOf(value)
		default:
			settings[name] = strings.Trim(valueText(v.Field(i), f.Tag), `"`)
		}
	}
	for key, value := range c.Sieve.Other {
		settings[key] = value
	}
	c.Learn.Builtin.spamtest(settings)
	return settings
}
