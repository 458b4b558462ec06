package engine

import "dovetail/internal/message"

// Addresses gives the addresses of a header field, parsed once per run however
// many tests look at them.
func (r *Run) Addresses(f message.Field) []message.Address {
	v := f.Value()
	if list, ok := r.addrs[v]; ok {
		return list
	}
	if r.addrs == nil {
		r.addrs = map[string][]message.Address{}
	}
	list := message.ParseAddresses(v)
	r.addrs[v] = list
	return list
}
