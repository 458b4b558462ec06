require ["ihave", "variables"];
if ihave "variables" { discard; }
