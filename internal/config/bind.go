package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// binder takes the parsed file over into a Config and collects all errors.
type binder struct {
	config *Config
	file   string
	lines  map[string]int
	errs   []*Error
	later  []laterScript
	// uid and gid look up the ids of names.
	uid, gid func(string) (uint32, error)
}

func (b *binder) fail(path, format string, args ...any) {
	b.errs = append(b.errs, &Error{Origin: b.at(path), Line: b.lines[path], Key: path, Msg: fmt.Sprintf(format, args...)})
}

// at tells where a key stands.
func (b *binder) at(path string) string {
	if origin, ok := b.config.origins[path]; ok {
		return origin
	}
	return b.inFile(path)
}

func (b *binder) inFile(path string) string {
	if line := b.lines[path]; line > 0 {
		return b.file + ":" + strconv.Itoa(line)
	}
	return b.file
}

// came notes that a key stands in the file.
func (b *binder) came(path string) { b.config.origins[path] = b.inFile(path) }

// inOrder gives the keys of a table as they stand in the file.
func (b *binder) inOrder(path string, table map[string]any) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y string) int {
		return cmp.Or(cmp.Compare(b.lines[join(path, x)], b.lines[join(path, y)]), cmp.Compare(x, y))
	})
	return keys
}

// table takes over one table into the struct v.
func (b *binder) table(path string, v reflect.Value, table map[string]any) {
	for _, key := range b.inOrder(path, table) {
		name := join(path, key)
		field, tag, ok := fieldOf(v, key)
		switch {
		case ok:
			b.field(name, field, tag, table[key])
		case v.Type() == reflect.TypeFor[Sieve]() && b.config.Sieve.other(b, name, key, table[key]):
		default:
			b.fail(name, "unknown key%s", b.suggest(path, v, key))
		}
	}
}

// field takes over one value.
func (b *binder) field(path string, v reflect.Value, tag reflect.StructTag, value any) {
	switch {
	case v.Kind() == reflect.Struct:
		inner, ok := value.(map[string]any)
		if !ok {
			b.fail(path, "expected a table [%s], got %s", path, kindOf(value))
			return
		}
		b.table(path, v, inner)
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		b.tables(path, v, value)
	default:
		if err := setField(v, tag, value); err != nil {
			b.fail(path, "%v", err)
			return
		}
		b.came(path)
		b.check(path, v, tag)
	}
}

// tables takes over an array of tables.
func (b *binder) tables(path string, v reflect.Value, value any) {
	list, ok := value.([]map[string]any)
	if !ok {
		b.fail(path, "expected tables [[%s]], got %s", path, kindOf(value))
		return
	}
	for i, inner := range list {
		element := newElement(v.Type().Elem())
		b.table(fmt.Sprintf("%s[%d]", path, i), element, inner)
		v.Set(reflect.Append(v, element))
	}
}

// fieldOf finds the field of a key.
func fieldOf(v reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("toml") == key {
			return v.Field(i), f.Tag, true
		}
	}
	return reflect.Value{}, "", false
}

// setField converts a value of the file to the type of its field.
func setField(v reflect.Value, tag reflect.StructTag, value any) error {
	size := tag.Get("kind") == "size"
	switch target := v.Addr().Interface().(type) {
	case *string:
		if n, ok := value.(int64); ok && slices.Contains([]string{"uid", "gid", "amount"}, tag.Get("check")) {
			value = strconv.FormatInt(n, 10)
		}
		return setValue(target, value)
	case *int64:
		if text, ok := value.(string); ok && size {
			n, err := ParseSize(text)
			*target = n
			return err
		}
		return setValue(target, value)
	default:
		return setValue(target, value)
	}
}

// setValue stores value, as TOML gave it, where target points.
func setValue(target, value any) error {
	switch t := target.(type) {
	case *string:
		return assign(t, value, "a string")
	case *bool:
		if text, ok := value.(string); ok {
			b, err := parseBool(text)
			*t = b
			return err
		}
		return assign(t, value, "true or false")
	case *int64:
		return assign(t, value, "an integer")
	case *int:
		var n int64
		err := assign(&n, value, "an integer")
		*t = int(n)
		return err
	case *uint32:
		var n int64
		if err := assign(&n, value, "an integer"); err != nil {
			return err
		}
		if n < 0 || n > math.MaxUint32 {
			return fmt.Errorf("%d is not between 0 and %d", n, uint32(math.MaxUint32))
		}
		*t = uint32(n)
		return nil
	case *time.Duration:
		return setDuration(t, value)
	case *[]string:
		return setList(t, value)
	}
	return fmt.Errorf("cannot be set (%T)", target)
}

func assign[T any](target *T, value any, kind string) error {
	v, ok := value.(T)
	if !ok {
		return fmt.Errorf("expected %s, got %s", kind, kindOf(value))
	}
	*target = v
	return nil
}

func setDuration(target *time.Duration, value any) (err error) {
	switch v := value.(type) {
	case string:
		*target, err = ParseDuration(v)
	case int64:
		*target, err = ParseDuration(strconv.FormatInt(v, 10))
	default:
		err = errors.New("expected a time such as \"30s\", got " + kindOf(value))
	}
	return err
}

// setList takes a list of strings, or one string for a list of one. An empty
// string is the empty list.
func setList(target *[]string, value any) error {
	switch v := value.(type) {
	case string:
		*target = nil
		if v != "" {
			*target = []string{v}
		}
		return nil
	case []any:
		list := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return errors.New("expected a list of strings, got " + kindOf(e) + " in it")
			}
			list = append(list, s)
		}
		*target = list
		return nil
	}
	return errors.New("expected a list of strings, got " + kindOf(value))
}

// override takes over a setting from outside the file.
func (b *binder) override(o Override) {
	v := reflect.ValueOf(b.config).Elem()
	var tag reflect.StructTag
	table := ""
	if key, ok := strings.CutPrefix(o.Key, "sieve."); ok && isOther(key) {
		b.config.Sieve.set(b, o.Key, key, strings.Join(o.Values, " "))
		b.config.origins[o.Key] = o.Origin
		return
	}
	for part := range strings.SplitSeq(o.Key, ".") {
		inner, innerTag, ok := reflect.Value{}, reflect.StructTag(""), false
		if v.Kind() == reflect.Struct {
			inner, innerTag, ok = fieldOf(v, part)
		}
		if !ok {
			b.errs = append(b.errs, &Error{Origin: o.Origin, Key: o.Key, Msg: "unknown key" + b.suggest(table, v, part)})
			return
		}
		v, tag, table = inner, innerTag, join(table, part)
	}
	b.config.origins[o.Key] = o.Origin
	if err := setText(v, tag, o.Values); err != nil {
		b.errs = append(b.errs, &Error{Origin: o.Origin, Key: o.Key, Msg: err.Error()})
		return
	}
	b.check(o.Key, v, tag)
}

// setText stores what a command line gives, which has no types.
func setText(v reflect.Value, tag reflect.StructTag, values []string) error {
	if list, ok := v.Addr().Interface().(*[]string); ok {
		*list = slices.Clone(values)
		return nil
	}
	if len(values) != 1 {
		return fmt.Errorf("takes one value, got %d", len(values))
	}
	switch v.Addr().Interface().(type) {
	case *int, *uint32:
		n, err := strconv.ParseInt(values[0], 10, 64)
		if err != nil {
			return fmt.Errorf("%q is not an integer", values[0])
		}
		return setField(v, tag, n)
	}
	return setField(v, tag, values[0])
}
