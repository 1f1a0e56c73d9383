package httpapi

import (
	"context"
	"strings"

	"wapid/store"
)

// The mails hold nothing that whoever asked for them has written: they go to people who
// may never have heard of us.
const (
	inviteSubject = "Confirm your e-mail address"
	inviteText    = `Somebody, probably you, wants to sign up here with this e-mail address:

%BASE%

Open this link to make the account. It works once, within a day:

%BASE%/#/register?token=%TOKEN%

If it was not you, do nothing: no account is made.
`
	knownSubject = "You have an account already"
	knownText    = `Somebody, probably you, wants to sign up with this e-mail address, which has an account
already. Log in, or ask for another password there:

%BASE%/#/login

If it was not you, do nothing.
`
	resetSubject = "Choose another password"
	resetText    = `Somebody, probably you, has forgotten the password of the account with this e-mail
address. Open this link to choose another one. It works once, within an hour:

%BASE%/#/login?reset=%TOKEN%

If it was not you, do nothing: the password stays as it is.
`
)

// invite keeps a registration and mails the link that makes an account of it, or says
// that there is one.
func (u *signUp) invite(ctx context.Context, r store.Registration) error {
	token, err := u.server.store.Register(ctx, r)
	if err != nil {
		return err
	}
	if token == "" {
		return u.mail(ctx, r.Email, knownSubject, knownText, "")
	}
	return u.mail(ctx, r.Email, inviteSubject, inviteText, token)
}

// remind mails the link to another password, if the address has an account.
func (u *signUp) remind(ctx context.Context, email string) error {
	token, err := u.server.store.IssuePasswordReset(ctx, email)
	if err != nil || token == "" {
		return err
	}
	return u.mail(ctx, email, resetSubject, resetText, token)
}

func (u *signUp) mail(ctx context.Context, to, subject, text, token string) error {
	return u.send(ctx, Mail{To: to, Subject: subject, Text: strings.NewReplacer("%BASE%", u.server.public, "%TOKEN%", token).Replace(text)})
}
