package peer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	rspamdProgram = "/usr/bin/rspamd"
	redisProgram  = "/usr/bin/redis-server"
)

// RspamdOptions say how a Rspamd is set up.
type RspamdOptions struct {
	PerUser bool // a Bayes vocabulary for each user, whom Deliver-To names
	// Conditions has rspamd's own condition in force, as in its packages: what the
	// classifier is sure of already is not learned.
	Conditions bool
}

// Rspamd is a running rspamd with a redis of its own. All that it has is the
// controller, which also scans, and the Bayes classifier, which learns nothing by
// itself and gives verdicts after one lesson of each class.
type Rspamd struct {
	Addr   string // of the controller, 127.0.0.1:PORT; asks for Password
	Socket string // of the controller; asks for no password

	t             T
	dir           string
	h             how
	redis, rspamd *Process
}

// StartRspamd starts a redis and a rspamd, as the user _rspamd.
func StartRspamd(t T, o RspamdOptions) *Rspamd {
	t.Helper()
	Need(t, Root, RspamdRedis)
	dir := Dir(t)
	cred := systemUser(t, "_rspamd")
	r := &Rspamd{
		Addr:   fmt.Sprintf("127.0.0.1:%d", FreePort(t)),
		Socket: filepath.Join(dir, "controller"),
		t:      t, dir: dir,
		h: how{attr: &syscall.SysProcAttr{Credential: cred}, quit: syscall.SIGTERM},
	}
	condition := ""
	if o.Conditions {
		condition = rspamdCondition
	}
	for name, text := range map[string]string{
		"rspamd.conf": fmt.Sprintf(rspamdConf, dir, r.Addr, Password, o.PerUser, condition),
		"redis.conf":  fmt.Sprintf(redisConf, dir),
		// The machine's list has 9,600 names, and rspamd takes ten seconds to compile it.
		"tld": "com\nnet\norg\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatalf("%v", err)
		}
	}
	Chown(t, dir, User{Name: "_rspamd", UID: int(cred.Uid), GID: int(cred.Gid)})
	r.StartRedis()
	r.Start()
	return r
}

// redisConf has the folder to be filled in.
const redisConf = `port 0
unixsocket %[1]s/redis
dir %[1]s
save ""
appendonly no
`

const rspamdCondition = `learn_condition = 'return require("lua_bayes_learn").can_learn';`

// rspamdConf has the folder, the controller's address, its password, whether users
// have vocabularies of their own, and further settings of the classifier.
const rspamdConf = `options {
  filters = "";
  dns { nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }
  url_tld = "%[1]s/tld";
  tempdir = "%[1]s";
  hs_cache_dir = "%[1]s/";
  control_socket = "%[1]s/control mode=0600";
  allow_raw_input = true;
  task_timeout = 60s;
}
logging { type = "console"; level = "info"; }
worker "controller" {
  bind_socket = "%[2]s";
  bind_socket = "%[1]s/controller mode=0666";
  count = 1;
  timeout = 60s;
  task_timeout = 60s;
  password = "%[3]s";
  enable_password = "%[3]s";
  secure_ip = "192.0.2.1"; # so that 127.0.0.1 is asked for the password
}
redis { servers = "%[1]s/redis"; timeout = 60s; }
group "statistics" { symbols { "BAYES_SPAM" { weight = 5.1; } "BAYES_HAM" { weight = -3.0; } } }
classifier "bayes" {
  tokenizer { name = "osb"; }
  cache { }
  backend = "redis";
  new_schema = true;
  per_user = %[4]v;
  autolearn = false;
  min_tokens = 11;
  min_learns = 1;
  statfile { symbol = "BAYES_HAM"; spam = false; }
  statfile { symbol = "BAYES_SPAM"; spam = true; }
  %[5]s
}
`

// Start starts rspamd anew after Stop. What it has learned redis knows.
func (r *Rspamd) Start() {
	r.t.Helper()
	r.rspamd = startProcess(r.t, filepath.Join(r.dir, "rspamd.log"), r.h, rspamdProgram, "-f", "-c", filepath.Join(r.dir, "rspamd.conf"),
		"--var", "DBDIR="+r.dir, "--var", "RUNDIR="+r.dir)
	r.rspamd.WaitReady(r.t, func() error { _, err := r.ask("/ping", "", nil); return err })
}

// Stop ends rspamd, but not redis.
func (r *Rspamd) Stop() { r.rspamd.Stop(r.t) }

// StartRedis starts redis anew after StopRedis, empty.
func (r *Rspamd) StartRedis() {
	r.t.Helper()
	r.redis = startProcess(r.t, filepath.Join(r.dir, "redis.log"), r.h, redisProgram, filepath.Join(r.dir, "redis.conf"))
	r.redis.WaitReady(r.t, func() error { _, err := r.redisCLI("PING"); return err })
}

// StopRedis ends redis, and with it all that was learned.
func (r *Rspamd) StopRedis() { r.redis.Stop(r.t) }

// Counts tells how many messages it has learned for a user, for all users when
// they have one vocabulary. It asks redis, since /stat is brought up to date once
// in a while only.
func (r *Rspamd) Counts(user string) (spam, ham int) {
	r.t.Helper()
	out, err := r.redisCLI("HMGET", "RS"+user, "learns_spam", "learns_ham")
	if err != nil {
		r.t.Fatalf("asking redis for what was learned: %v", err)
	}
	lines := strings.Split(out, "\n")
	spam, _ = strconv.Atoi(lines[0]) // an empty line: none
	ham, _ = strconv.Atoi(lines[1])
	return spam, ham
}

func (r *Rspamd) redisCLI(args ...string) (string, error) {
	out, err := exec.Command("/usr/bin/redis-cli", append([]string{"-s", filepath.Join(r.dir, "redis")}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("redis-cli %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// Learned is the number of lessons that rspamd has taken since it started, as its
// /stat tells. It comes after Counts: that of a lesson, which redis has, may be missing.
func (r *Rspamd) Learned() int {
	r.t.Helper()
	var stat struct {
		Learned int `json:"learned"`
	}
	r.mustAsk("/stat", "", nil, &stat)
	return stat.Learned
}

// Verdict gives what the Bayes classifier says of a message for a user: "spam",
// "ham", or "" when it does not know.
func (r *Rspamd) Verdict(user string, message []byte) string {
	r.t.Helper()
	var scan struct {
		Symbols map[string]struct{} `json:"symbols"`
	}
	r.mustAsk("/checkv2", user, message, &scan)
	for symbol, verdict := range map[string]string{"BAYES_SPAM": "spam", "BAYES_HAM": "ham"} {
		if _, ok := scan.Symbols[symbol]; ok {
			return verdict
		}
	}
	return ""
}

func (r *Rspamd) mustAsk(path, user string, body []byte, answer any) {
	r.t.Helper()
	text, err := r.ask(path, user, body)
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		r.t.Fatalf("asking rspamd for %s: %v", path, err)
	}
}

func (r *Rspamd) ask(path, user string, body []byte) ([]byte, error) {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequest(method, "http://"+r.Addr+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Password", Password)
	if user != "" {
		req.Header.Set("Deliver-To", user)
	}
	client := http.Client{Timeout: clientTimeout}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return text, err
}
