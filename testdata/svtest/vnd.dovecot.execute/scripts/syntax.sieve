require ["vnd.dovecot.execute", "variables", "vnd.dovecot.environment"];
# 1: two inputs
execute :input "a" :pipe "echo";
# 2: match variables cannot be assigned
execute :output "1" "echo";
# 3: nor can the environment
execute :output "env.location" "echo";
