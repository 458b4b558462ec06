package engine

// WarnHeaderNames warns of names in the i-th argument that no header field can
// have (RFC 5322 section 2.2). They are no error and match nothing (RFC 5228
// section 2.4.2.2).
func (call *Call) WarnHeaderNames(i int) {
	for _, s := range call.Strs(i) {
		if name, known := s.Const(); known && !validFieldName(name) {
			call.Warnf(s.Pos, "specified header field name '%s' is invalid", name)
		}
	}
}

func validFieldName(name string) bool {
	for i := 0; i < len(name); i++ {
		if name[i] < 33 || name[i] > 126 || name[i] == ':' {
			return false
		}
	}
	return name != ""
}
