package corpus

import "strings"

// topic is what mail of a class talks about.
type topic struct {
	name                     string
	stream                   uint64 // of random numbers
	nouns, verbs, adjectives []string
	patterns                 []string
	names, domains           []string // of senders
}

var spam = &topic{
	name:   "spam",
	stream: 0,
	nouns: strings.Fields(`pill loan lottery prize discount casino jackpot mortgage replica watch voucher bonus offer
		investment refund credit treatment supplement diet remedy bargain inheritance fortune payout wallet coin stock
		trader winner coupon subscription guarantee shipment gift brand deal sale rate debt bank transfer fund`),
	verbs: strings.Fields(`buy order claim win save earn invest unsubscribe click purchase receive unlock double redeem
		approve refinance lose gain collect withdraw activate confirm verify upgrade deposit borrow`),
	adjectives: strings.Fields(`cheap free exclusive limited guaranteed amazing incredible instant secret natural luxury
		unbelievable risk-free certified genuine urgent special miraculous lowest fastest profitable hottest anonymous
		offshore unclaimed million-dollar`),
	patterns: []string{
		"act now and VERB your ADJECTIVE NOUN TIME.",
		"congratulations, your NOUN was selected for an ADJECTIVE NOUN.",
		"thousands of satisfied customers VERB our ADJECTIVE NOUNS.",
		"click below to VERB this ADJECTIVE NOUN before it expires.",
		"no obligation, simply VERB the NOUN and VERB your money.",
		"dear customer, an ADJECTIVE NOUN is waiting inside your account.",
		"why pay more when ADJECTIVE NOUNS cost less.",
		"VERB here, VERB fast, ADJECTIVE NOUN included.",
	},
	names:   strings.Fields(`Promotions Rewards Pharmacy Winner Finance Lottery Deals Offers Claims Support`),
	domains: strings.Fields(`bargains.example.com lucky.example.com pills.example.com wealth.example.com`),
}

var ham = &topic{
	name:   "ham",
	stream: 1,
	nouns: strings.Fields(`meeting agenda report garden school teacher recipe kitchen train ticket holiday mountain
		project release server patch test branch review bicycle neighbour library chapter translation concert rehearsal
		dentist appointment lecture seminar budget invoice colleague team room window roof boiler dinner birthday photo
		walk`),
	verbs: strings.Fields(`discuss prepare repair read write review merge postpone visit cook paint plant measure
		compare translate rehearse draft finish borrow return print explain schedule cycle photograph deploy`),
	adjectives: strings.Fields(`quiet late small early weekly green old revised second next broken wooden local final
		technical sunny detailed rough careful annual shared open short previous pleasant muddy`),
	patterns: []string{
		"shall we VERB the ADJECTIVE NOUN together TIME.",
		"she asked me to VERB her NOUN, but mine was too ADJECTIVE.",
		"I will VERB the NOUN once the ADJECTIVE NOUN has been finished.",
		"they found several ADJECTIVE NOUNS behind the old NOUN.",
		"sorry for my late reply, the NOUN took longer than the ADJECTIVE NOUN.",
		"see you at the NOUN, I shall VERB some ADJECTIVE NOUNS.",
		"did he VERB the NOUN already, or does someone else VERB it.",
		"in the attached notes we VERB each NOUN and its ADJECTIVE NOUN.",
	},
	names:   strings.Fields(`Anna Pieter Maria Johan Sophie Thomas Ingrid David Clara Martin`),
	domains: strings.Fields(`home.example.net office.example.net university.example.net friends.example.net`),
}

// common are the sentences of all mail, with places for a topic's words.
var common = []string{
	"we would like to VERB the ADJECTIVE NOUN TIME.",
	"I have been told that the NOUN and the ADJECTIVE NOUN will both be there TIME.",
	"it took me an hour to VERB the NOUN, but now it looks ADJECTIVE.",
	"let me know whether the ADJECTIVE NOUN can be sent to you TIME.",
	"many thanks for the NOUN, which was really ADJECTIVE.",
}

var times = []string{
	"today", "tomorrow", "this week", "on Monday", "on Friday", "in the morning", "in the evening", "next month",
	"as soon as possible", "after lunch", "before the weekend", "this year",
}
