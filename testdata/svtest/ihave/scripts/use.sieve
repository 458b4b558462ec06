require "ihave";
if not ihave "vnd.example.none" {
	if ihave ["fileinto", "copy"] { fileinto :copy "a"; }
} else { nonsense; }
if ihave "vnd.example.none" { nonsense "x"; } elsif anyof (ihave "vnd.example.none", false) { nonsense; }
