require "include"; include :global :personal "same";
