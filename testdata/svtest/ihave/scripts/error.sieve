require ["ihave", "variables"];
set "what" "ihave";
if true { error "cannot do ${what}"; }
discard;
