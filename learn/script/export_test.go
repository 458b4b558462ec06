package script

// ReadRequest is readRequest, for the fuzzer.
var ReadRequest = readRequest
