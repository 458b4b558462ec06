require "ihave";
if ihave ["fileinto", "vnd.example.none"] { discard; }
fileinto "a";
