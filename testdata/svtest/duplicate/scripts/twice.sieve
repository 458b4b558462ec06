require ["duplicate", "fileinto", "mailbox", "variables"];
if duplicate { set "n" "${n}1"; }
if duplicate { set "n" "${n}2"; }
if duplicate :handle "a" { set "n" "${n}3"; }
if duplicate :handle "a" { set "n" "${n}4"; }
if string "${n}" "1234" { fileinto :create "Again"; }
