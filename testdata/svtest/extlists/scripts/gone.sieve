require ["extlists"];
if header :list "subject" "tag:example.com,2010:gone" { discard; }
if address :list "from" "tag:example.com,2010:gone" { discard; }
