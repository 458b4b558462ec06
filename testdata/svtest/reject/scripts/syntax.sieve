require "reject";
reject;
reject 1;
reject ["a", "b"];
