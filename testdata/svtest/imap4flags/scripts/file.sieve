require ["fileinto", "mailbox"];
fileinto :create "filed";
