package mailerr

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestClassification(t *testing.T) {
	tests := []struct {
		name  string
		err   error
		class Class
		code  int
		reply string
		exit  int
	}{
		{"unknown error is temporary", errors.New("boom"), Temporary, 451, "4.3.0 Temporary internal error", ExTempFail},
		{"wrapped keeps its class", fmt.Errorf("asking: %w", NoUser("a@b")), Permanent, 550, "5.1.1 <a@b> User doesn't exist: a@b", ExNoUser},
		{"quota", QuotaFull("a@b", false), Permanent, 552, "5.2.2 <a@b> Quota exceeded (mailbox for user is full)", ExNoPerm},
		{"quota as tempfail", QuotaFull("a@b", true), Temporary, 452, "4.2.2 <a@b> Quota exceeded (mailbox for user is full)", ExTempFail},
		{"full disk", FromErrno(&fs.PathError{Op: "write", Path: "/secret", Err: syscall.ENOSPC}), Temporary, 452, "4.3.1 Not enough disk space", ExTempFail},
		{"no permission", FromErrno(syscall.EACCES), Temporary, 451, "4.3.5 Temporary internal error", ExTempFail},
		{"refused", Perm(nil, "no"), Permanent, 550, "5.0.0 no", ExNoPerm},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Of(tt.err)
			if e.Class != tt.class || e.Code != tt.code || e.Reply() != tt.reply || ExitCode(tt.err) != tt.exit {
				t.Errorf("got class %d, %d %s, exit %d", e.Class, e.Code, e.Reply(), ExitCode(tt.err))
			}
			if IsPermanent(tt.err) != (tt.class == Permanent) {
				t.Error("IsPermanent disagrees with the class")
			}
		})
	}
	if Of(nil) != nil || ExitCode(nil) != ExOK || IsPermanent(nil) {
		t.Error("nil is no error")
	}
}
