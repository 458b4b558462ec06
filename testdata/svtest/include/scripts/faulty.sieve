require "include"; include :optional "faulty";
