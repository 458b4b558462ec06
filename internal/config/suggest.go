package config

import (
	"fmt"
	"reflect"
	"strings"

	"dovetail/internal/spell"
)

// suggest gives a hint about an unknown key: where it belongs, or what is spelt
// nearly like it in the same table.
func (b *binder) suggest(table string, v reflect.Value, key string) string {
	if v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[Sieve]() && (isOther(key) || numbered.MatchString(key)) {
		return "; it belongs into [sieve]"
	}
	for path := range keys(reflect.TypeFor[Config](), "") {
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i], path[i+1:]
		}
		if name == key && parent != table && !strings.HasPrefix(table, parent+"[") {
			if parent == "" {
				return "; it belongs to the top, before all tables"
			}
			return "; it belongs into [" + parent + "]"
		}
	}
	best, distance := "", len(key)/3+1
	consider := func(name string) {
		if d := spell.Distance(key, name); d <= distance && (best == "" || d < distance) {
			best, distance = name, d
		}
	}
	if v.Kind() == reflect.Struct {
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("toml"); name != "" {
				consider(name)
			}
		}
		if v.Type() == reflect.TypeFor[Sieve]() {
			for _, name := range otherSieve {
				consider(strings.TrimSuffix(name, "#"))
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// keys gives the full names of all settings of a struct type.
func keys(t reflect.Type, prefix string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Tag.Get("toml")
			if name == "" {
				continue
			}
			path := join(prefix, name)
			if !yield(path) {
				return
			}
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				for path := range keys(inner, path) {
					if !yield(path) {
						return
					}
				}
			}
		}
	}
}
