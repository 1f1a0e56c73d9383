package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wneessen/go-mail"

	"wapid/httpapi"
)

// signUpSettings say whether people may make accounts for themselves, and how mails
// reach them.
type signUpSettings struct {
	SignUp       bool   `help:"Let people sign up in the dashboard; needs --smtp-host, --smtp-from and --public-url." name:"signup" env:"WAPID_SIGNUP"`
	SMTPHost     string `help:"Server that mails are sent through." name:"smtp-host" env:"WAPID_SMTP_HOST" placeholder:"HOST"`
	SMTPPort     int    `help:"Its port (default: 587, 465 or 25, by --smtp-tls)." name:"smtp-port" env:"WAPID_SMTP_PORT" placeholder:"PORT"`
	SMTPUser     string `help:"User name there, if it asks for one." name:"smtp-user" env:"WAPID_SMTP_USER" placeholder:"NAME"`
	SMTPPassword string `help:"The user's password." name:"smtp-password" env:"WAPID_SMTP_PASSWORD" placeholder:"PASSWORD"`
	SMTPFrom     string `help:"Sender of the mails, such as wapid <no-reply@example.com>." name:"smtp-from" env:"WAPID_SMTP_FROM" placeholder:"ADDRESS"`
	SMTPTLS      string `help:"How the connection there is protected: starttls, tls, or none (default ${default})." name:"smtp-tls" enum:"starttls,tls,none" default:"starttls" env:"WAPID_SMTP_TLS"`
}

// Validate refuses what could send no mail, or a password in the clear.
func (s signUpSettings) Validate(publicURL string) error {
	switch {
	case s.SMTPPort < 0 || s.SMTPPort > 65535:
		return fmt.Errorf("--smtp-port is %d and must be a port", s.SMTPPort)
	case (s.SMTPUser == "") != (s.SMTPPassword == ""):
		return errors.New("--smtp-user and --smtp-password go together")
	case s.SMTPUser != "" && s.SMTPTLS == "none":
		return errors.New("--smtp-tls=none would send --smtp-password in the clear")
	case !s.SignUp:
		return nil
	case s.SMTPHost == "" || s.SMTPFrom == "":
		return errors.New("--signup needs --smtp-host and --smtp-from, to send the mails")
	case publicURL == "":
		return errors.New("--signup needs --public-url, for the links in the mails")
	}
	if err := mail.NewMsg().From(s.SMTPFrom); err != nil {
		return errors.New("--smtp-from must be an address, such as wapid <no-reply@example.com>")
	}
	return nil
}

// smtpTimeout bounds each step of sending a mail.
const smtpTimeout = 20 * time.Second

// mailer is how the daemon sends mails; nil if nobody signs up.
func (s signUpSettings) mailer() func(context.Context, httpapi.Mail) error {
	if !s.SignUp {
		return nil
	}
	return s.send
}

// send sends one mail over a connection of its own: there are few. Its errors name
// nobody, as what the server says may repeat the address.
func (s signUpSettings) send(ctx context.Context, m httpapi.Mail) error {
	message := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(message.From(s.SMTPFrom), message.To(m.To)); err != nil {
		return errors.New("an address can't be written into a mail")
	}
	message.Subject(m.Subject)
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	message.SetDate()
	message.SetMessageID()
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	client, err := mail.NewClient(s.SMTPHost, s.options()...)
	if err != nil {
		return fmt.Errorf("the SMTP settings: %w", err)
	}
	return withoutAddress(client.DialAndSendWithContext(ctx, message))
}

func (s signUpSettings) options() []mail.Option {
	options := []mail.Option{mail.WithTimeout(smtpTimeout)}
	switch s.SMTPTLS {
	case "tls":
		options = append(options, mail.WithSSLPort(false))
	case "none":
		options = append(options, mail.WithTLSPortPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPortPolicy(mail.TLSMandatory))
	}
	if s.SMTPPort != 0 { // last, as the others choose one
		options = append(options, mail.WithPort(s.SMTPPort))
	}
	if s.SMTPUser != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.SMTPUser), mail.WithPassword(s.SMTPPassword))
	}
	return options
}

// withoutAddress keeps of an error what the operator can use.
func withoutAddress(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*mail.SendError](err); ok {
		return fmt.Errorf("%s (SMTP %d %s)", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	}
	if broken, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("the SMTP server can't be reached: %w", broken)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the SMTP server does not answer in time")
	}
	return errors.New("the SMTP server refused to talk: see its log")
}
