require ["vnd.dovecot.duplicate", "variables"];
if duplicate { set "n" "${n}1"; }
if duplicate :handle "value" :value "1" :last { set "n" "${n}2"; }
if duplicate { set "n" "${n}3"; }
if string "${n}" "123" { discard; }
