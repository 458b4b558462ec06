require ["vnd.dovecot.pipe", "variables"];
set "program" "accept";
# 1: not constant
pipe "${program}";
# 2, 3: no name of a program
pipe "../accept";
pipe "";
# 4: line break in an argument
pipe "accept" ["a", "b
c"];
