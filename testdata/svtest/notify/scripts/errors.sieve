require "notify";
notify :method "xmpp" :options "a@example.com";
notify :low :high :options "a@example.com";
notify :id 1 :options "a@example.com";
denotify :is;
denotify :is "a" :contains "b";
denotify :is ["a"];
