package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dovetail/internal/userdb/expand"
)

// Sieve says which scripts run and what they may do.
type Sieve struct {
	Enabled              bool          `toml:"sieve_enabled"`                               // run scripts at all
	Script               string        `toml:"sieve" check:"script"`                        // the user's; Dovecot's form: [file:]PATH[;active=PATH]
	Default              string        `toml:"sieve_default" check:"script"`                // script of users who have none
	Before               []string      `toml:"sieve_before" check:"script"`                 // sieve_before2 and so on follow
	After                []string      `toml:"sieve_after" check:"script"`                  // scripts after the user's
	Discard              string        `toml:"sieve_discard" check:"script"`                // script for messages that are about to be discarded
	Extensions           string        `toml:"sieve_extensions"`                            // for users' scripts: a list, or +NAME and -NAME to change the usual ones
	GlobalExtensions     string        `toml:"sieve_global_extensions"`                     // further ones for the site's scripts
	UserEmail            string        `toml:"sieve_user_email" check:"address"`            // the user's address, where the name is none
	MaxScriptSize        int64         `toml:"sieve_max_script_size" kind:"size" min:"0"`   // 0: none
	MaxActions           int           `toml:"sieve_max_actions" min:"0"`                   // 0: none
	MaxRedirects         int           `toml:"sieve_max_redirects" min:"0"`                 // 0: redirect is forbidden
	MaxCPUTime           time.Duration `toml:"sieve_max_cpu_time" min:"0"`                  // 0: none
	RedirectEnvelopeFrom string        `toml:"sieve_redirect_envelope_from" check:"source"` // sender, recipient, orig_recipient, user_email, postmaster or <ADDRESS>
	RedirectOnce         time.Duration `toml:"sieve_redirect_duplicate_period" min:"0"`     // 0: redirects are not remembered
	PipeBinDir           string        `toml:"sieve_pipe_bin_dir" check:"path"`             // programs of pipe
	FilterBinDir         string        `toml:"sieve_filter_bin_dir" check:"path"`           // programs of filter
	ExecuteBinDir        string        `toml:"sieve_execute_bin_dir" check:"path"`          // programs of execute
	PipeExecTimeout      time.Duration `toml:"sieve_pipe_exec_timeout" min:"0"`             // 0: none
	FilterExecTimeout    time.Duration `toml:"sieve_filter_exec_timeout" min:"0"`           // for a program of filter
	ExecuteExecTimeout   time.Duration `toml:"sieve_execute_exec_timeout" min:"0"`          // for a program of execute
	PipeInputEOL         string        `toml:"sieve_pipe_input_eol" oneof:"crlf lf"`
	FilterInputEOL       string        `toml:"sieve_filter_input_eol" oneof:"crlf lf"`
	ExecuteInputEOL      string        `toml:"sieve_execute_input_eol" oneof:"crlf lf"`

	// Other holds further settings of Pigeonhole's, which the extensions that
	// they belong to read; a block of Dovecot 2.4 is in it as "block/name/key".
	Other map[string]string
}

// otherSieve are the settings that pass through; # stands for a number.
var otherSieve = strings.Fields(`
	imapsieve_expunge_discarded imapsieve_url
	sieve_default_name sieve_dir sieve_global sieve_global_dir sieve_global_path
	sieve_duplicate_default_period sieve_duplicate_max_period
	sieve_editheader_forbid_add sieve_editheader_forbid_delete sieve_editheader_max_header_size sieve_editheader_protected
	sieve_env_display_name sieve_env_reject_reason
	sieve_execute_socket_dir sieve_filter_socket_dir sieve_pipe_socket_dir
	sieve_implicit_extensions sieve_include_max_includes sieve_include_max_nesting_depth
	sieve_notify_mailto_envelope_from sieve_notify_max_notifications sieve_plugin_dir sieve_plugins
	sieve_quota_max_scripts sieve_quota_max_storage sieve_quota_script_count sieve_quota_storage_size
	sieve_report_from sieve_resource_usage_timeout
	sieve_spamtest_max_header sieve_spamtest_max_value sieve_spamtest_score_max_header sieve_spamtest_score_max_value
	sieve_spamtest_status_header sieve_spamtest_status_type sieve_spamtest_text_value#
	sieve_spamtestplus_max_header sieve_spamtestplus_max_value sieve_spamtestplus_status_header
	sieve_spamtestplus_status_type sieve_spamtestplus_text_value#
	sieve_trace_addresses sieve_trace_debug sieve_trace_dir sieve_trace_level sieve_user_log
	sieve_vacation_check_recipient sieve_vacation_default_period sieve_vacation_default_subject
	sieve_vacation_default_subject_template sieve_vacation_dont_check_recipient sieve_vacation_max_period
	sieve_vacation_max_subject_codepoints sieve_vacation_min_period sieve_vacation_send_from_recipient
	sieve_vacation_to_header_ignore_envelope sieve_vacation_use_original_recipient
	sieve_variables_max_scope_count sieve_variables_max_scope_size sieve_variables_max_value_size sieve_variables_max_variable_size
	sieve_virustest_max_header sieve_virustest_max_value sieve_virustest_status_header sieve_virustest_status_type
	sieve_virustest_text_value#`)

// sieveBlocks are the blocks of Dovecot 2.4, tables here.
var sieveBlocks = []string{"sieve_editheader_header", "sieve_environment", "sieve_extlists_list",
	"sieve_spamtest_text_value", "sieve_spamtestplus_text_value", "sieve_virustest_text_value"}

var digits = regexp.MustCompile(`[0-9]+$`)

// isOther tells whether a setting passes through.
func isOther(key string) bool {
	block, _, _ := strings.Cut(key, "/")
	return slices.Contains(sieveBlocks, block) || slices.Contains(otherSieve, key) || slices.Contains(otherSieve, digits.ReplaceAllString(key, "#")) ||
		strings.HasPrefix(key, "sieve_env_")
}

// numbered is sieve_before2 and the like.
var numbered = regexp.MustCompile(`^(sieve_before|sieve_after)([0-9]+)$`)

// other takes over a key of [sieve] that has no field.
func (s *Sieve) other(b *binder, path, key string, value any) bool {
	if m := numbered.FindStringSubmatch(key); m != nil {
		var more []string
		if err := setValue(&more, value); err != nil {
			b.fail(path, "%v", err)
			return true
		}
		n, _ := strconv.Atoi(m[2])
		b.later = append(b.later, laterScript{list: m[1], number: n, path: path, scripts: more})
		return true
	}
	if block, ok := value.(map[string]any); ok && slices.Contains(sieveBlocks, key) {
		s.block(b, path, key, block)
		return true
	}
	if !isOther(key) {
		return false
	}
	text, err := textOf(value)
	if err != nil {
		b.fail(path, "%v", err)
		return true
	}
	s.set(b, path, key, text)
	return true
}

func (s *Sieve) set(b *binder, path, key, text string) {
	if s.Other == nil {
		s.Other = make(map[string]string)
	}
	s.Other[key] = text
	b.came(path)
}

// block writes a table of Dovecot 2.4's as settings "block/name/key", the form in
// which its own configuration knows them, and the names as the block's value.
func (s *Sieve) block(b *binder, path, key string, table map[string]any) {
	var names []string
	for _, name := range b.inOrder(path, table) {
		sub := join(path, name)
		if inner, ok := table[name].(map[string]any); ok {
			names = append(names, name)
			s.block(b, sub, key+"/"+name, inner)
			continue
		}
		text, err := textOf(table[name])
		if err != nil {
			b.fail(sub, "%v", err)
			continue
		}
		s.set(b, sub, key+"/"+name, text)
	}
	if len(names) > 0 {
		s.set(b, path, key, strings.Join(names, " "))
	}
}

// laterScript is a numbered setting, which takes its place when all are known.
type laterScript struct {
	list    string
	number  int
	path    string
	scripts []string
}

// ScriptPath gives the path of a script setting: Dovecot's "file:" in front and
// the options behind are taken off, and of the user's script the active one is
// taken. Other drivers than file are an error.
func ScriptPath(setting string) (string, error) {
	path, options, _ := strings.Cut(setting, ";")
	if driver, rest, ok := strings.Cut(path, ":"); ok && !strings.Contains(driver, "/") {
		if driver != "file" {
			return "", fmt.Errorf("scripts of driver %q are not supported, only files are", driver)
		}
		path = rest
	}
	for option := range strings.SplitSeq(options, ";") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "active":
			path = value
		case "", "name", "bindir", "default":
		default:
			return "", fmt.Errorf("unknown option %q of a script", key)
		}
	}
	return path, nil
}

// ScriptPaths gives the paths of sieve_before or sieve_after.
func ScriptPaths(settings []string) []string {
	var paths []string
	for _, s := range settings {
		if path, err := ScriptPath(s); err == nil && path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// UserScript gives the path of the user's active script as a template; a leading
// "~" is the home. It is nil when users have no scripts.
func (s *Sieve) UserScript() *expand.Template {
	path, err := ScriptPath(s.Script)
	if err != nil || path == "" {
		return nil
	}
	t, err := expand.Parse(path)
	if err != nil {
		return nil
	}
	return t
}
